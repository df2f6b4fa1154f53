/* The overview: list with filters, clustered findings, density of findings by H3 cell. */
"use strict";
(function (app) {
  const { _, el, fit } = app;
  const AT_ONCE = 200;
  const RAMP = ["#fde9a9", "#fdc86b", "#f59a4c", "#dd6433", "#a63a22"];
  const state = { shown: [], limit: AT_ONCE, chosen: null };

  function latlng(place) { return [place.at[1], place.at[0]]; }
  function lines(place) {
    return place.lines.map((flat) => {
      const out = [];
      for (let i = 0; i < flat.length; i += 2) out.push([flat[i + 1], flat[i]]);
      return out;
    });
  }

  function carLink(finding) {
    if (!finding.link) return null;
    return el("a", { class: "car-link", href: finding.link },
      _("Open the vehicle's map") + " →");
  }

  /* ---- density */
  function densityLayer(map, density) {
    map.createPane("density").style.zIndex = 340;
    const renderer = L.canvas({ pane: "density", padding: 0.4 });
    const layer = L.layerGroup(), least = [0, 9, 10.5, 12, 13.5];
    layer.redraw = function () {
      layer.clearLayers();
      let level = 0;
      density.resolutions.forEach((resolution, k) => { if (map.getZoom() >= least[k]) level = k; });
      const counts = {};
      state.shown.forEach((finding) => {
        const cells = density.of[finding.number];
        if (cells) counts[cells[level]] = (counts[cells[level]] || 0) + 1;
      });
      const most = Math.max(1, ...Object.values(counts));
      Object.keys(counts).forEach((cell) => {
        const flat = density.cells[level][cell], ring = [];
        for (let i = 0; i < flat.length; i += 2) ring.push([flat[i + 1], flat[i]]);
        const shade = most === 1 ? 0 : Math.round(4 * Math.log(counts[cell]) / Math.log(most));
        L.polygon(ring, { renderer, pane: "density", interactive: false, color: "#7a2e12", weight: 0.6, opacity: 0.5,
          fillColor: RAMP[shade], fillOpacity: map.getZoom() < 16 ? 0.45 : 0.15 }).addTo(layer);
      });
      layer.state = { cells: Object.keys(counts).length, resolution: density.resolutions[level] };
    };
    map.on("zoomend", layer.redraw);
    return layer;
  }

  /* ---- findings on the map */
  function clusterIcon(cluster) {
    const markers = cluster.getAllChildMarkers();
    const gravest = app.finding.severities.find((severity) => markers.some((m) => m.finding.severity === severity));
    const size = markers.length < 10 ? 34 : markers.length < 100 ? 40 : 46;
    const html = el("span", { "aria-label": _("{n} findings", { n: markers.length }) }, markers.length);
    html.style.borderColor = app.finding.color(gravest);
    return L.divIcon({ className: "cluster", iconSize: [size, size], html });
  }

  function marker(finding, choose) {
    const html = app.finding.mark(finding.severity, 22);
    const icon = L.divIcon({ className: "finding-mark", iconSize: [22, 22], html });
    const made = L.marker(latlng(finding.place), { icon, title: finding.title + (finding.plate ? " · " + finding.plate : ""), alt: finding.title });
    made.finding = finding;
    made.bindPopup(() => el("div", { class: "card" }, app.finding.body(finding, true).concat(carLink(finding))), { maxWidth: 300 });
    made.on("click", () => choose(finding, true));
    return made;
  }

  /* ---- filters */
  function choice(id, text, all, values) {
    const select = el("select", { id }, [el("option", { value: "" }, all)].concat(
      values.map(([value, name, n]) => el("option", { value }, name + " (" + n + ")"))));
    return [el("label", { for: id }, text), select];
  }
  function counted(findings, key, name) {
    const seen = new Map();
    findings.forEach((finding) => {
      if (finding[key] === null) return;
      const entry = seen.get(finding[key]) || [finding[key], finding[name], 0];
      entry[2] += 1;
      seen.set(finding[key], entry);
    });
    return Array.from(seen.values()).sort((a, b) => String(a[1]).localeCompare(String(b[1])));
  }

  function filterForm(findings, change) {
    const severities = app.finding.severities.filter((severity) => findings.some((f) => f.severity === severity));
    const form = el("form", { class: "filters", submit: (event) => event.preventDefault() }, [
      ...choice("by-school", _("School"), _("All schools"), counted(findings, "school", "school")),
      ...choice("by-rule", _("Rule"), _("All rules"), counted(findings, "rule", "title")),
      el("label", { for: "by-text" }, _("Search")),
      el("input", { id: "by-text", type: "search", placeholder: _("Plate, place, words of the summary"), autocomplete: "off" }),
      el("fieldset", {}, [el("legend", {}, _("Severity"))].concat(severities.map((severity) =>
        el("label", { class: "check" }, [
          el("input", { type: "checkbox", name: "severity", value: severity, checked: true }),
          app.finding.mark(severity), app.finding.severityName(severity),
        ])))),
    ]);
    form.addEventListener("input", change);
    form.addEventListener("change", change);
    return form;
  }

  function wanted(form) {
    const school = form.querySelector("#by-school").value, rule = form.querySelector("#by-rule").value;
    const text = form.querySelector("#by-text").value.trim().toLowerCase();
    const severities = Array.from(form.querySelectorAll("[name=severity]:checked")).map((box) => box.value);
    return (finding) => (!school || finding.school === school) && (!rule || finding.rule === rule)
      && severities.includes(finding.severity) && (!text || finding.words.includes(text));
  }

  /* ---- what could not be judged */
  function unjudged(given) {
    const total = given.notAssessed.reduce((sum, [, reasons]) => sum + reasons.reduce((n, reason) => n + reason[1], 0), 0);
    return el("details", { class: "unjudged" }, [
      el("summary", {}, _("Not assessable: {n}", { n: total })),
      el("p", { class: "note" }, _("Missing data is neither guilt nor innocence. What could not be judged, and why:")),
      el("table", {}, given.notAssessed.reduce((rows, [rule, reasons]) => rows.concat(reasons.map(([reason, n], k) =>
        el("tr", {}, [k === 0 ? el("th", { rowspan: reasons.length, scope: "rowgroup" }, rule) : null, el("td", {}, reason), el("td", { class: "number" }, n)]))), [])),
    ]);
  }

  /* ---- what was seen of whom */
  function coverage(rows) {
    const head = [_("School"), _("Cars without a fix"), _("Declared hours seen"), _("Silent, h"), _("Feed down, h"), _("Not assessable")];
    const h = (hours) => hours.toFixed(1), of = (part, all) => part + " / " + all;
    return el("details", { class: "unjudged coverage" }, [
      el("summary", {}, _("What was seen, by school")),
      el("p", { class: "note" }, _("A day without findings says little of a car that was not seen.")),
      el("div", { class: "wide" }, el("table", {}, [el("tr", {}, head.map((text) => el("th", { scope: "col" }, text)))].concat(rows.map(([school, cars, unheard, declared, seen, silent, down, open]) =>
        el("tr", {}, [el("th", { scope: "row" }, school)].concat([of(unheard, cars), of(h(seen), h(declared)), h(silent), h(down), open]
          .map((text) => el("td", { class: "number" }, text))))))))
    ]);
  }

  app.index = function (map, given) {
    const findings = given.findings, side = document.getElementById("side");
    findings.forEach((finding, number) => {
      finding.number = number;
      finding.zoneName = finding.zone ? app.places.named(finding.zone) : null;
      finding.words = [finding.id, finding.plate, finding.vehicle, finding.school, finding.zone, finding.zoneName, finding.feed,
        finding.title, finding.summary, finding.person].filter(Boolean).join("\n").toLowerCase();
    });
    const clusters = L.markerClusterGroup({ maxClusterRadius: 46, showCoverageOnHover: false, disableClusteringAtZoom: 17,
      iconCreateFunction: clusterIcon, animate: false });
    const density = densityLayer(map, given.density), outline = L.layerGroup().addTo(map);
    const list = el("ol", { class: "findings", id: "findings" }), count = el("p", { class: "count", role: "status", "aria-live": "polite" });
    const more = el("button", { type: "button", class: "more", click: () => { state.limit += AT_ONCE; draw(); } }, _("Show more"));

    function choose(finding, onMap) {
      state.chosen = finding;
      outline.clearLayers();
      list.querySelectorAll("[aria-current]").forEach((node) => node.removeAttribute("aria-current"));
      const entry = finding.node;
      if (entry && entry.isConnected) {
        entry.setAttribute("aria-current", "true");
        if (onMap) entry.scrollIntoView({ block: "nearest" });
      }
      if (!finding.place) return;
      const shape = lines(finding.place);
      L.polyline(shape, { color: "#fff", weight: 9, opacity: 0.8, interactive: false }).addTo(outline);
      L.polyline(shape, { color: app.finding.color(finding.severity), weight: 5, interactive: false }).addTo(outline);
      if (!onMap) {
        app.showMap(map);
        fit(map, L.latLngBounds(shape.reduce((all, line) => all.concat(line), [latlng(finding.place)])), 17);
        clusters.zoomToShowLayer(finding.marker, () => finding.marker.openPopup());
      }
    }

    function node(finding) {
      const button = el("button", { type: "button", class: "entry", click: () => choose(finding, false) },
        app.finding.body(finding, true).concat(finding.place ? null : el("span", { class: "line note" }, _("Without a place on the map"))));
      finding.node = el("li", { "data-finding": finding.id }, [button, carLink(finding)]);
      return finding.node;
    }

    function draw() {
      list.textContent = "";
      state.shown.slice(0, state.limit).forEach((finding) => list.appendChild(node(finding)));
      more.hidden = state.shown.length <= state.limit;
      count.textContent = _("{n} of {all} findings", { n: state.shown.length, all: findings.length });
    }

    const form = filterForm(findings, () => {
      state.shown = findings.filter(wanted(form));
      state.limit = AT_ONCE;
      outline.clearLayers();
      clusters.clearLayers();
      clusters.addLayers(state.shown.filter((finding) => finding.marker).map((finding) => finding.marker));
      density.redraw();
      draw();
    });

    findings.forEach((finding) => { if (finding.place) finding.marker = marker(finding, choose); });
    side.appendChild(form);
    side.appendChild(count);
    if (!findings.length) side.appendChild(el("p", { class: "note" }, _("No findings on this day.")));
    side.appendChild(list);
    side.appendChild(more);
    const foot = el("footer", { class: "foot" }, [
      given.vehicles === null ? null
        : el("p", {}, _("Vehicles: {n}, without a single fix: {silent}", { n: given.vehicles, silent: given.silent })),
      given.coverage.length ? coverage(given.coverage) : null,
      given.notAssessed.length ? unjudged(given) : null,
      el("p", { class: "run" }, _("Run {id}", { id: app.about().run })),
    ]);
    side.appendChild(foot);

    const bounds = app.places.bounds();
    findings.forEach((finding) => { if (finding.place) bounds.extend(latlng(finding.place)); });
    app.legend(map, app.places.legend().concat(
      app.finding.severities.filter((severity) => findings.some((f) => f.severity === severity))
        .map((severity) => [app.finding.mark(severity), app.finding.severityName(severity)]),
      findings.some((finding) => finding.place)
        ? [[el("span", { class: "ramp" }, RAMP.map((color) => { const i = el("i"); i.style.background = color; return i; })), _("Few to many findings")]] : []));
    fit(map, bounds);
    map.addLayer(density);
    map.addLayer(clusters);
    form.dispatchEvent(new Event("change"));
    map.on("click", (event) => {
      const here = app.places.at(event.latlng.lng, event.latlng.lat);
      if (here.length) L.popup({ maxWidth: 320 }).setLatLng(event.latlng).setContent(el("div", {}, here.map(app.places.describe))).openOn(map);
    });
    const control = L.control.layers(null, {}, { position: "topright", collapsed: true });
    control.addOverlay(density, _("Density of findings"));
    control.addOverlay(clusters, _("Findings to check"));
    control.addTo(map);
    control.getContainer().querySelector("a").setAttribute("title", _("Layers"));
    app.index.state = () => ({ shown: state.shown.map((finding) => finding.id), chosen: state.chosen && state.chosen.id,
      zoom: map.getZoom(), density: density.state });
  };
})(trajaudit);
