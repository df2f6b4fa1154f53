/* How a finding looks, wherever it appears: mark by severity (shape and colour), words, details. */
"use strict";
(function (app) {
  const { _, el, timeRange } = app;
  const SHAPES = {
    critical: ["#b00020", "M8 1 15 8 8 15 1 8Z"],
    major: ["#d55e00", "M8 1.5 15 14.5 1 14.5Z"],
    minor: ["#8a6d00", "M2 2H14V14H2Z"],
    notice: ["#3b6ea5", "M8 1.5A6.5 6.5 0 1 1 7.99 1.5Z"],
  };
  const severityName = (severity) =>
    ({ critical: _("critical"), major: _("major"), minor: _("minor"), notice: _("notice") })[severity] || severity;

  function mark(severity, size) {
    const space = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(space, "svg"), path = document.createElementNS(space, "path");
    const [color, outline] = SHAPES[severity] || SHAPES.notice;
    svg.setAttribute("viewBox", "0 0 16 16");
    svg.setAttribute("width", size || 16);
    svg.setAttribute("height", size || 16);
    svg.setAttribute("class", "mark");
    svg.setAttribute("aria-hidden", "true");
    path.setAttribute("d", outline);
    path.setAttribute("fill", color);
    path.setAttribute("stroke", "#fff");
    path.setAttribute("stroke-width", 1.2);
    svg.appendChild(path);
    return svg;
  }

  function titleOf(finding) {
    return el("span", { class: "finding-title" }, [
      mark(finding.severity), el("strong", {}, finding.title), el("span", { class: "severity" }, severityName(finding.severity)),
    ]);
  }

  function body(finding, withCar) {
    const car = [finding.plate, finding.school].filter(Boolean).join(" · ");
    return [
      titleOf(finding),
      withCar && car ? el("span", { class: "line" }, car) : null,
      el("span", { class: "line time" }, timeRange(finding.start, finding.end)),
      finding.person ? el("span", { class: "line" }, finding.person) : null,
      el("span", { class: "line summary" }, finding.summary),
    ];
  }

  app.finding = { mark, titleOf, body, severityName, color: (severity) => (SHAPES[severity] || SHAPES.notice)[0],
    severities: Object.keys(SHAPES) };
})(trajaudit);
