# trajaudit with its HTTP entrance. Build where the browser libraries are set up: make wheel, then docker build -t trajaudit:0.1.0 .
FROM python:3.11-slim-bookworm AS built
WORKDIR /build
COPY requirements.lock ./
RUN python -m venv /opt/trajaudit \
    && /opt/trajaudit/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY dist/ dist/
RUN /opt/trajaudit/bin/pip install --no-cache-dir --no-deps --no-index dist/*.whl

FROM python:3.11-slim-bookworm
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libexpat1 tzdata \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --create-home --home-dir /var/lib/trajaudit --shell /usr/sbin/nologin trajaudit
COPY --from=built /opt/trajaudit /opt/trajaudit
ENV PATH=/opt/trajaudit/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    NUMBA_CACHE_DIR=/tmp/numba \
    TRAJAUDIT_STORE__FOLDER=/var/lib/trajaudit/store
USER 10001:10001
WORKDIR /var/lib/trajaudit
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=40s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
ENTRYPOINT ["trajaudit"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000", "--workers", "2"]
