/* Replay in true time: a marker, a slider, and under it what the day held. In a gap the car is not there. */
"use strict";
(function (app) {
  const { _, el, clock } = app;
  const SPEEDS = [1, 10, 30, 60, 120, 300, 900];
  const THUMB = 7;  // half of the slider's knob, px: strips and slider share one scale
  const KINDS = { 0: "#8d9591", 1: "#0072b2", 2: "#fff" };
  const TRAINING = { 1: "#7b3294", 2: "#00796b", 3: "#b8c4cf" };

  function bearing(a, b) {
    const [kx, ky] = app.metresAround(a[0]);
    return (Math.atan2((b[1] - a[1]) * kx, (b[0] - a[0]) * ky) * 180 / Math.PI + 360) % 360;
  }

  function carIcon() {
    const space = "http://www.w3.org/2000/svg", svg = document.createElementNS(space, "svg"), path = document.createElementNS(space, "path");
    svg.setAttribute("viewBox", "-12 -12 24 24");
    svg.setAttribute("width", 30);
    svg.setAttribute("height", 30);
    path.setAttribute("d", "M0 -10 7 8 0 4 -7 8Z");
    path.setAttribute("fill", "#111");
    path.setAttribute("stroke", "#fff");
    path.setAttribute("stroke-width", 2);
    svg.appendChild(path);
    return { svg, icon: L.divIcon({ className: "car", iconSize: [30, 30], html: svg }) };
  }

  /* Where the car was at t, or null: before, after, and in silence. */
  function whereAt(t) {
    const track = app.track, row = track.rowAt(t);
    if (row < 0 || track.gapAt(t)) return null;
    const next = track.usableFrom(row + 1);
    if (next >= track.n) return t - track.t[row] > 1000 ? null : { row, at: track.at(row), heading: Math.max(0, track.h[row]) };
    const share = (t - track.t[row]) / (track.t[next] - track.t[row] || 1), a = track.at(row), b = track.at(next);
    const heading = track.h[row] >= 0 ? track.h[row] : bearing(a, b);
    return { row, at: [a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share], heading };
  }

  function paint(canvas, span) {
    const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
    if (!width) return;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    const pen = canvas.getContext("2d"), x = (t) => THUMB + (t - span.start) / (span.end - span.start) * (width - 2 * THUMB);
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    app.track.spans.forEach((s) => {
      pen.fillStyle = KINDS[s.what];
      pen.fillRect(x(s.from), 1, Math.max(0.5, x(s.to) - x(s.from)), 9);
      if (s.what === 2) {
        pen.strokeStyle = "#444";
        pen.setLineDash([2, 3]);
        pen.strokeRect(x(s.from), 5.5, Math.max(0.5, x(s.to) - x(s.from)), 0.01);
        pen.setLineDash([]);
      }
    });
    app.track.stretches.filter((s) => TRAINING[s.what]).forEach((s) => {
      pen.fillStyle = TRAINING[s.what];
      pen.fillRect(x(s.from), 13, Math.max(1, x(s.to) - x(s.from)), 7);
    });
    const hour = 3600000, room = 44 * (span.end - span.start) / Math.max(1, width - 2 * THUMB);
    const step = [hour / 6, hour / 2, hour, 2 * hour, 3 * hour, 6 * hour].find((candidate) => candidate >= room) || 12 * hour;
    pen.fillStyle = "#4a524f";
    pen.strokeStyle = "#9aa39f";
    pen.font = "11px " + getComputedStyle(document.body).fontFamily;
    pen.textAlign = "center";
    for (let t = Math.ceil(span.start / step) * step; t <= span.end; t += step) {
      pen.beginPath();
      pen.moveTo(x(t), 22);
      pen.lineTo(x(t), 26);
      pen.stroke();
      if (x(t) > 18 && x(t) < width - 18) pen.fillText(clock(t, false), x(t), 37);
    }
  }

  const MOST_ROWS = 4;  // of bars that fall on one spot; more lie upon one another
  function bars(items, span, kind, choose) {
    const rows = [];
    return el("div", { class: "bars bars-" + kind }, items.map((item) => {
      const left = (item.start - span.start) / (span.end - span.start) * 100;
      const width = (item.end - item.start) / (span.end - span.start) * 100;
      let row = rows.findIndex((end) => end <= left);
      if (row < 0) row = kind === "passage" ? Math.min(rows.length, MOST_ROWS - 1) : rows.length;
      rows[row] = left + Math.max(width, 0.6);
      const look = ["bar", kind, item.look].filter(Boolean).join(" ");
      const bar = el("button", { type: "button", class: look, title: item.text, "aria-label": item.text, click: () => choose(item) });
      bar.style.left = left + "%";
      bar.style.width = width + "%";
      bar.style.top = row * 14 + "px";
      if (item.color) bar.style.background = item.color;
      item.bar = bar;
      return bar;
    }).concat(el("i", { class: "tall", "data-rows": rows.length || 1 })));
  }

  function extent(given) {
    const track = app.track, times = [];
    if (track.n) times.push(track.t[0], track.t[track.n - 1]);
    given.sessions.concat(given.findings, app.passages ? app.passages.list : []).forEach((item) => times.push(item.start, item.end));
    if (!times.length) return null;
    const start = Math.min(...times), end = Math.max(...times);
    return { start: Math.floor(start / 1000) * 1000, end: Math.max(Math.ceil(end / 1000) * 1000, start + 60000) };
  }

  app.replay = Object.assign(replay, { whereAt });
  function replay(map, given, choose, pass) {
    const span = extent(given);
    if (!span) return null;
    const car = carIcon();
    const marker = L.marker([0, 0], { icon: car.icon, interactive: false, keyboard: false, zIndexOffset: 2000 });
    const state = { t: app.track.n ? app.track.t[0] : span.start, playing: false, rate: 120, visible: false, last: 0 };
    const play = el("button", { type: "button", class: "play", click: toggle }, _("Play"));
    const rate = el("select", { id: "rate", change: () => { state.rate = Number(rate.value); } },
      SPEEDS.map((speed) => el("option", { value: speed, selected: speed === state.rate }, speed + "×")));
    const follow = el("input", { type: "checkbox", id: "follow" });
    const slider = el("input", { type: "range", id: "time", min: span.start, max: span.end, step: 1000, "aria-label": _("Time of the replay"),
      input: () => seek(Number(slider.value)), keydown: keys });
    const readout = el("output", { class: "readout", for: "time" });
    const canvas = el("canvas", { class: "strips", "aria-hidden": "true" });
    const seen = app.passages ? app.passages.list : [], ticks = bars(seen, span, "passage", pass);
    const sessionBars = bars(given.sessions, span, "session", choose), findingBars = bars(given.findings, span, "finding", choose);

    function show() {
      const here = whereAt(state.t), gap = app.track.gapAt(state.t);
      state.visible = here !== null;
      state.at = here ? here.at : null;
      if (here) {
        marker.setLatLng(here.at);
        if (!map.hasLayer(marker)) marker.addTo(map);
        car.svg.style.transform = "rotate(" + here.heading + "deg)";
        if (follow.checked && !map.getBounds().pad(-0.15).contains(here.at)) map.panTo(here.at, { animate: false });
      } else if (map.hasLayer(marker)) marker.remove();
      const during = here && app.track.spans.find((s) => here.row >= s.start && here.row < s.stop);
      const what = here ? [during ? app.track.kindName(during.what) : null, app.track.kmh(here.row)].filter(Boolean).join(" · ")
        : gap ? _("silent {time}", { time: app.lasting(gap.to - gap.from) }) : _("no fixes");
      readout.textContent = "";
      readout.appendChild(el("b", {}, app.moment(state.t)));
      readout.appendChild(el("span", {}, what));
      slider.value = state.t;
      slider.setAttribute("aria-valuetext", app.moment(state.t) + ", " + what);
      if (seen.length) app.passages.show(state.t, state.playing, state.rate);
    }
    function seek(t) {
      state.t = Math.max(span.start, Math.min(span.end, t));
      show();
    }
    function step(now) {
      if (!state.playing) return;
      seek(state.t + (now - state.last) * state.rate);
      state.last = now;
      if (state.t >= span.end) toggle();
      else requestAnimationFrame(step);
    }
    function toggle() {
      state.playing = !state.playing;
      if (state.playing && state.t >= span.end) state.t = span.start;
      play.textContent = state.playing ? _("Pause") : _("Play");
      play.setAttribute("aria-pressed", String(state.playing));
      if (state.playing) requestAnimationFrame((now) => { state.last = now; requestAnimationFrame(step); });
    }
    function keys(event) {
      const jump = { ArrowLeft: -10, ArrowDown: -10, ArrowRight: 10, ArrowUp: 10, PageDown: -300, PageUp: 300 }[event.key];
      if (event.key === " ") toggle();
      else if (jump) seek(state.t + jump * 1000 * (event.shiftKey ? 6 : 1));
      else return;
      event.preventDefault();
    }

    const row = (text, node) => [el("span", { class: "row-name" }, text), el("div", { class: "row" }, node)];
    const box = el("section", { class: "timeline", "aria-label": _("Replay") }, [
      el("div", { class: "controls" }, [
        play, el("label", { for: "rate" }, _("Speed-up")), rate,
        el("label", { class: "check" }, [follow, _("Follow the car")]), readout,
      ]),
      el("div", { class: "rows" }, [].concat(
        given.findings.length ? row(_("Findings"), findingBars) : [],
        given.sessions.length ? row(_("Sessions"), sessionBars) : [],
        seen.length ? row(app.passages.title(), ticks) : [],
        row(_("Time"), slider),
        row(_("Track"), canvas))),
    ]);
    document.body.insertBefore(box, map.getContainer().nextSibling);
    box.querySelectorAll(".bars").forEach((node) => { node.style.height = node.querySelector(".tall").dataset.rows * 14 + "px"; });
    new ResizeObserver(() => paint(canvas, span)).observe(canvas);
    paint(canvas, span);
    show();
    app.replay.state = () => ({ t: state.t, visible: state.visible, at: state.at, playing: state.playing, start: span.start, end: span.end,
      onMap: map.hasLayer(marker) });
    app.replay.seek = seek;
    return { seek };
  };
})(trajaudit);
