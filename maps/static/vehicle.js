/* One vehicle's day: the findings with their evidence beside the map, and how the parts work together. */
"use strict";
(function (app) {
  const { _, el, facts, fit } = app;
  const UNITS = { m: "m", s: "s", ms: "ms", mps: "m/s", kmh: "km/h", deg: "°", min: "min", h: "h", km: "km" };
  let labels = {};

  function named(key) {
    if (Object.prototype.hasOwnProperty.call(labels, key)) return labels[key];
    const parts = String(key).split("_");
    if (parts.length > 1 && UNITS[parts[parts.length - 1]]) parts.pop();
    return parts.join(" ");
  }
  function measure(key, value) {
    if (typeof value !== "number") return value === null ? app.NOTHING : typeof value === "object" ? tree(value) : String(value);
    const unit = UNITS[String(key).split("_").pop()];
    const digits = Number.isInteger(value) ? 0 : Math.abs(value) < 10 ? 2 : 1;
    return value.toFixed(digits) + (unit ? " " + unit : "");
  }
  function tree(value) {
    if (value === null || typeof value !== "object") return value === null ? app.NOTHING : String(value);
    if (Array.isArray(value)) {
      if (!value.length) return app.NOTHING;
      if (value.every((entry) => entry === null || typeof entry !== "object")) return value.join(", ");
      return el("ol", { class: "tree" }, value.map((entry) => el("li", {}, tree(entry))));
    }
    return facts(Object.keys(value).map((key) => [named(key), measure(key, value[key])]));
  }

  function excluded(entries) {
    return el("ul", { class: "excluded" }, entries.map((entry) => {
      if (entry === null || typeof entry !== "object") return el("li", {}, String(entry));
      const numbers = entry.measured !== null && entry.measured !== undefined
        ? _("measured {a}, needed {b}", { a: measure("", entry.measured), b: entry.needed === null || entry.needed === undefined ? app.NOTHING : measure("", entry.needed) }) : null;
      const why = entry.because || "", code = entry.explanation;
      const title = !why || Object.prototype.hasOwnProperty.call(labels, code) ? named(code) : "";
      return el("li", {}, [title ? el("b", {}, title) : null, title && why ? ": " : null, why || null,
        entry.strength ? el("span", { class: "line time" }, _("what the finding says, compared with this: {strength}", { strength: entry.strength })) : null,
        numbers ? " (" + numbers + ")" : null]);
    }));
  }

  /* Nothing short of certain is called 100 %. */
  const percent = (share) => (share < 1 && share >= 0.995 ? "> 99 %" : Math.round(share * 100) + " %");

  function rowsOf(finding) {
    const [start, stop] = app.track.rowsWithin(finding.start, finding.end);
    if (stop <= start) return null;
    const a = app.track.place(start), b = app.track.place(stop - 1);
    if (!a || !b) return null;
    return a.file + ": " + a.row + " – " + (b.file === a.file ? "" : b.file + ": ") + b.row;
  }

  function details(finding, go) {
    const evidence = finding.evidence || {}, margins = evidence.margins || {};
    const tried = evidence.excluded || [];
    const rest = {};
    Object.keys(evidence).forEach((key) => { if (!["margins", "excluded"].includes(key)) rest[key] = evidence[key]; });
    return el("div", { class: "details" }, [
      facts([
        [_("Place"), finding.zone ? app.places.named(finding.zone) : null],
        [_("Session"), finding.session],
        [_("Trainee"), finding.trainee],
        [_("Confidence"), finding.confidence === null ? null : percent(finding.confidence)],
        [_("Confidence rests on"), finding.basis ? named(finding.basis) : null],
        [_("File and rows"), rowsOf(finding)],
        [_("Number"), finding.id],
        [_("Case"), finding.case ? el("a", { href: finding.case[1] }, finding.case[0]) : null],
      ]),
      app.passages ? app.passages.pieces(finding, go) : null,
      Object.keys(margins).length ? el("h4", {}, _("Margins measured")) : null,
      Object.keys(margins).length ? tree(margins) : null,
      tried.length ? el("h4", {}, _("Innocent explanations excluded")) : null,
      tried.length ? excluded(tried) : null,
      Object.keys(rest).length ? el("details", {}, [el("summary", {}, _("Evidence in full")), tree(rest)]) : null,
    ]);
  }

  function highlight(group, finding, strong) {
    const track = app.track, [start, stop] = track.rowsWithin(finding.start, finding.end);
    const style = { pane: "halo", renderer: app.vehicle.renderer, interactive: false, color: "#ffb000", weight: strong ? 20 : 13, opacity: strong ? 0.8 : 0.35,
      lineCap: "round" };
    const draw = (path) => {
      if (path.length === 1) L.circleMarker(path[0], Object.assign({}, style, { radius: 12, fill: false })).addTo(group);
      else if (path.length) L.polyline(path, style).addTo(group);
      path.forEach((at) => bounds.extend(at));
    };
    const bounds = L.latLngBounds([]);
    track.spans.filter((span) => span.what !== 2 && span.start < stop && span.stop > start)
      .forEach((span) => draw(track.path(Math.max(start, span.start), Math.min(stop, span.stop))));
    track.gaps.filter((gap) => gap.from < finding.end && gap.to > finding.start).forEach((gap) => {
      [track.usableBefore(gap.start - 1), track.usableFrom(gap.start)].forEach((row) => { if (row >= 0 && row < track.n) draw([track.at(row)]); });
    });
    if (!bounds.isValid() && finding.place) {
      finding.place.lines.forEach((flat) => {
        const path = [];
        for (let i = 0; i < flat.length; i += 2) path.push([flat[i + 1], flat[i]]);
        draw(path);
      });
    }
    return bounds;
  }

  function dayNotes(given) {
    const track = app.track, counts = track.given.flagNames.map(([bit, name]) => {
      let n = 0;
      track.flags.forEach((flags) => { if (flags & bit) n++; });
      return [name, n || null];
    });
    const silent = track.gaps.reduce((sum, gap) => sum + gap.to - gap.from, 0);
    return el("details", { class: "day-notes" }, [
      el("summary", {}, _("The day in numbers")),
      facts([
        [_("Fixes"), track.n],
        [_("First and last fix"), track.n ? app.clock(track.t[0]) + " – " + app.clock(track.t[track.n - 1]) : null],
        [_("Silences"), track.gaps.length ? track.gaps.length + " · " + app.lasting(silent) : 0],
        [_("Feed"), app.about().feed],
        [_("Positions"), given.matched ? _("matched to roads by the provider: a deviation of some metres proves nothing") : null],
      ].concat(given.beside.map(([feed, metres, seconds, rate]) => [_("Feed beside: {feed}", { feed }),
        _("{m} m apart, {s} s later, {n} fixes a minute", { m: metres, s: seconds, n: rate })]), counts)),
    ]);
  }

  function sessionCard(session) {
    return [el("strong", {}, _("Session {id}", { id: session.id })), el("span", { class: "line time" }, app.timeRange(session.start, session.end)),
      el("span", { class: "line" }, [_("Part {n}", { n: session.part }), session.zone ? app.places.named(session.zone) : null].filter(Boolean).join(" · ")),
      el("span", { class: "line" }, [session.instructor, session.trainee].filter(Boolean).join(" · "))];
  }

  function onClick(map, event) {
    const row = app.track.nearest(map, event.containerPoint, 14), popup = L.popup({ maxWidth: 320 });
    if (row >= 0) {
      popup.setLatLng(app.track.at(row)).setContent(app.track.describe(row)).openOn(map);
      return;
    }
    const here = app.places.at(event.latlng.lng, event.latlng.lat);
    if (here.length) popup.setLatLng(event.latlng).setContent(el("div", {}, here.map(app.places.describe))).openOn(map);
  }

  function layerControl(map) {
    const groups = app.track.groups, control = L.control.layers(null, {}, { position: "topright", collapsed: true });
    [["plain", _("Plain driving")], ["undetermined", _("Undetermined")], ["yard", _("Yard training")], ["road", _("Road training")],
      ["standing", _("Standing")], ["gap", _("Silent")], ["flagged", _("Flagged fixes")]]
      .filter(([name]) => groups[name].getLayers().length)
      .forEach(([name, text]) => control.addOverlay(groups[name], text));
    if (app.passages) app.passages.overlays().forEach(([group, text]) => control.addOverlay(group, text));
    control.addTo(map);
    control.getContainer().querySelector("a").setAttribute("title", _("Layers"));
  }

  app.vehicle = function (map, given) {
    labels = given.labels;
    app.vehicle.renderer = L.canvas({ pane: "halo", padding: 0.4 });
    const side = document.getElementById("side"), all = L.layerGroup().addTo(map), one = L.layerGroup().addTo(map);
    const state = { chosen: null }, seen = app.passages;
    let replay = null;

    function choose(item, silently) {
      if (!item.body) {
        if (replay) replay.seek(item.start);
        item.node.scrollIntoView({ block: "nearest" });
        return;
      }
      state.chosen = item;
      given.findings.forEach((finding) => {
        finding.node.classList.toggle("chosen", finding === item);
        finding.node.querySelector("button").setAttribute("aria-expanded", String(finding === item));
        finding.body.hidden = finding !== item;
        if (finding.bar) finding.bar.classList.toggle("chosen", finding === item);
      });
      one.clearLayers();
      const bounds = highlight(one, item, true);
      if (seen) seen.choose(item, bounds);
      fit(map, bounds, 17);
      if (replay) replay.seek(item.start);
      if (silently) app.showMap(map);
      else item.node.scrollIntoView({ block: "nearest" });
    }

    /* To a passage: the time of the replay, its mark on the map, its line in the list unless the click was beside the map. */
    function pass(passage, fromSide) {
      if (replay) replay.seek(passage.t);
      if (!fromSide) passage.node.scrollIntoView({ block: "nearest" });
      if (!passage.at) return;
      if (!map.getBounds().pad(-0.1).contains(passage.at)) map.panTo(passage.at, { animate: false });
      passage.open();
      app.showMap(map);  // on a small screen the map stands above the list
    }

    const list = el("ol", { class: "findings", id: "findings" }, given.findings.map((finding) => {
      finding.text = finding.title + " · " + app.timeRange(finding.start, finding.end);
      finding.color = app.finding.color(finding.severity);
      finding.body = details(finding, (piece) => { if (piece.at) pass(piece.at, true); else if (replay && piece.t !== null) replay.seek(piece.t); });
      finding.body.hidden = true;
      finding.node = el("li", { "data-finding": finding.id }, [
        el("button", { type: "button", class: "entry", "aria-expanded": "false", click: () => choose(finding, true) }, app.finding.body(finding, false)),
        finding.body,
      ]);
      return finding.node;
    }));
    side.appendChild(el("h2", {}, _("Findings to check: {n}", { n: given.findings.length })));
    if (!given.findings.length) side.appendChild(el("p", { class: "note" }, _("No findings for this vehicle on this day.")));
    side.appendChild(list);
    if (given.sessions.length) {
      side.appendChild(el("h2", {}, _("Declared sessions: {n}", { n: given.sessions.length })));
      side.appendChild(el("ol", { class: "sessions" }, given.sessions.map((session) => {
        session.text = _("Session {id}", { id: session.id }) + " · " + app.timeRange(session.start, session.end);
        session.node = el("li", {}, el("button", { type: "button", class: "entry", click: () => replay && replay.seek(session.start) }, sessionCard(session)));
        return session.node;
      })));
    }
    if (seen) {
      seen.draw(map, given.findings, pass, (finding) => choose(finding, false));
      if (seen.list.length) side.appendChild(seen.section(pass));
    }
    side.appendChild(dayNotes(given));

    replay = app.replay(map, given, choose, pass);
    map.invalidateSize({ animate: false });
    app.legend(map, app.track.legend().concat(seen ? seen.legend() : [],
      given.findings.length ? [[app.swatch({ lines: [{ color: "#ffb000", weight: 11, opacity: 0.6 }] }), _("Part of a finding")]] : [], app.places.legend()));
    const whole = L.latLngBounds([]);
    [app.track.bounds, seen && seen.bounds].forEach((bounds) => { if (bounds && bounds.isValid()) whole.extend(bounds); });
    fit(map, whole.isValid() ? whole : app.places.bounds());
    given.findings.forEach((finding) => highlight(all, finding, false));
    layerControl(map);
    map.on("click", (event) => onClick(map, event));
    const asked = /^#finding=(.+)$/.exec(location.hash);
    if (asked) {
      let id = asked[1];
      try { id = decodeURIComponent(id); } catch (error) { /* not an address of ours: no finding has such an id */ }
      const finding = given.findings.find((candidate) => candidate.id === id);
      if (finding) choose(finding, false);
    }
    app.vehicle.state = () => ({ chosen: state.chosen && state.chosen.id });
    app.vehicle.choose = (id) => choose(given.findings.find((finding) => finding.id === id), false);
  };
})(trajaudit);
