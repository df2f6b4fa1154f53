/* Passages before checkpoint cameras: where, when, and what the track says of each. Faces stand with findings only. */
"use strict";
(function (app) {
  const { _, el, facts, clock } = app;
  const LOOKS = {
    there: { color: "#00695c", fill: "#00897b", outline: "M8 3.6A4.4 4.4 0 1 1 7.99 3.6Z" },
    possible: { color: "#8a6d00", fill: "#fff", outline: "M8 3.6A4.4 4.4 0 1 1 7.99 3.6Z" },
    unknown: { color: "#5f6b67", fill: "#fff", outline: "M4 4H12V12H4Z" },
    elsewhere: { color: "#b00020", fill: "#d3002a", outline: "M8 2 14 8 8 14 2 8Z" },
  };
  const SIGHTED = "#3d2c8d", LINE = { color: "#b00020", weight: 2, dashArray: "7 6", opacity: 0.75 };
  const STILL_LIT_MS = 20000, LIT_S = 0.8;  // how long a passage stays lit: by the day's clock, and before the eyes
  const ROOM = [[6, 15], [12, 26], [18, 37], [Infinity, 48]];  // marks around a camera: so many on a ring of so many px
  const passages = Object.assign(take, { list: [], bounds: L.latLngBounds([]), mark, filter: () => {} });
  app.passages = passages;
  const look = (passage) => LOOKS[passage.where] || LOOKS.unknown;

  function svg(size, parts) {
    const space = "http://www.w3.org/2000/svg", root = document.createElementNS(space, "svg");
    [["viewBox", "0 0 16 16"], ["width", size], ["height", size], ["class", "mark"], ["aria-hidden", "true"]]
      .forEach(([name, value]) => root.setAttribute(name, value));
    parts.forEach(([tag, attributes]) => {
      const node = document.createElementNS(space, tag);
      Object.keys(attributes).forEach((name) => node.setAttribute(name, attributes[name]));
      root.appendChild(node);
    });
    return root;
  }
  function mark(where, sighted, size) {
    const style = LOOKS[where] || LOOKS.unknown;
    const dashes = where === "unknown" ? { "stroke-dasharray": "2 1.4" } : {};
    return svg(size || 16, [["circle", { cx: 8, cy: 8, r: 7.2, fill: "#fff", stroke: sighted ? SIGHTED : "none", "stroke-width": 1.7,
      "fill-opacity": sighted ? 1 : 0 }], ["path", Object.assign({ d: style.outline, fill: style.fill, stroke: style.color, "stroke-width": 1.6 }, dashes)]]);
  }
  const camera = (size) => svg(size, [
    ["path", { d: "M1 5H10V12H1ZM10 7.2 15 4.6V12.4L10 9.8Z", fill: "#25302d", stroke: "#fff", "stroke-width": 1, "stroke-linejoin": "round" }],
    ["circle", { cx: 5.5, cy: 8.5, r: 2, fill: "#fff" }]]);

  /* ---- words */
  const distance = (m) => (m < 1000 ? _("{n} m", { n: Math.round(m) }) : _("{n} km", { n: (m / 1000).toFixed(1) }));
  passages.trackSays = function (where, near) {
    const told = near === null || near === undefined ? null : { d: distance(near) };
    if (where === "there") return told ? _("fits the track ({d} from the camera)", told) : _("fits the track");
    if (where === "elsewhere") return told ? _("contradicts the track (the car was {d} away)", told) : _("contradicts the track (out of reach)");
    if (where === "possible") return told ? _("not excluded by the track ({d} at the nearest)", told) : _("not excluded by the track, which is silent");
    return _("no track to compare");
  };
  passages.seat = (seat) => ({ driver: _("driver's seat"), front_passenger: _("front passenger's seat"), rear: _("rear seat"),
    unknown: _("seat not known") })[seat] || String(seat);
  /* What a face says for a finding, in words: seat, and how strongly. */
  passages.worth = (seen) => [passages.seat(seen.seat), seen.shown ? null : _("not matched to this person"), seen.strength || null,
    seen.drive ? _("on the drive to or from the lesson") : null].filter(Boolean).join(" · ");

  function clockSays(passage) {
    const seconds = passage.offset === null ? 0 : passage.offset, values = { s: Math.abs(seconds).toFixed(1), n: passage.votes };
    if (!passage.votes) return _("not known: no passage to compare, taken as right");
    const off = Math.abs(seconds) < 0.05 ? _("right") : seconds > 0 ? _("{s} s fast", values) : _("{s} s slow", values);
    return passage.trusted ? _("{off}, by {n} passages", { off, n: passage.votes }) : _("perhaps {off}, by {n} passages only", { off, n: passage.votes });
  }
  const textOf = (passage) => [app.moment(passage.t), passage.camera, passages.trackSays(passage.where, passage.near)].join(" · ");

  /* A link is followed on a click and never loaded by the page. */
  function clipLink(passage) {
    if (typeof passage.clip !== "string" || !/^https?:\/\//i.test(passage.clip)) return null;
    return el("a", { class: "clip", href: passage.clip, target: "_blank", rel: "noopener noreferrer" }, _("Open the video (20 s before to 20 s after)"));
  }

  function card(passage, choose) {
    const known = passage.sigma === null ? "" : " ± " + _("{n} s", { n: passage.sigma < 10 ? passage.sigma.toFixed(1) : Math.round(passage.sigma) });
    const sighted = passage.pieces.filter(({ seen }) => seen.seat);
    return el("div", { class: "card passage-card" }, [
      el("h3", {}, [mark(passage.where, sighted.length > 0), " ", app.moment(passage.t) + " · " + passage.camera]),
      facts([
        [_("Track"), passages.trackSays(passage.where, passage.near)],
        [_("Out of reach"), passage.where === "elsewhere" && passage.late !== null
          ? _("by {time}, even at {kmh} km/h", { time: app.lasting(passage.late * 1000), kmh: passages.kmh }) : null],
        [_("Time, corrected"), clock(passage.t) + known],
        [_("Camera's stamp"), clock(passage.shot)],
        [_("Camera's clock"), clockSays(passage)],
        [_("Plate"), passage.readSo ? null : _("read as another; the track settles that it was this car")],
        [_("Record"), [passage.file, passage.row, passage.id].filter((part) => part !== null).join(" · ")],
      ]),
      el("div", {}, passage.pieces.map(({ finding, seen }) => el("div", { class: "piece" }, [
        el("button", { type: "button", class: "to-finding", click: () => choose(finding) }, finding.title),
        seen.seat && finding.person ? el("span", { class: "line" }, finding.person) : null,
        seen.seat ? el("span", { class: "line" }, passages.worth(seen)) : null,
      ]))),
      passage.where === "elsewhere" && !passage.pieces.length
        ? el("p", { class: "note" }, _("Part of no finding: a plate may be misread, or a clock may jump.")) : null,
      clipLink(passage),
    ]);
  }

  /* ---- on the map */
  function slot(k) {
    let first = 0;
    for (const [room, radius] of ROOM) {
      if (k < first + room) {
        const angle = (k - first) / Math.min(room, 30) * 2 * Math.PI - Math.PI / 2;
        return [Math.round(radius * Math.cos(angle)), Math.round(radius * Math.sin(angle))];
      }
      first += room;
    }
    return [0, 0];
  }

  function drawPassage(group, passage) {
    const [dx, dy] = passage.shift;
    passage.marker = L.marker(passage.at, { title: textOf(passage), riseOnHover: true, zIndexOffset: passage.where === "elsewhere" ? 600 : 300,
      icon: L.divIcon({ className: "passage is-" + (LOOKS[passage.where] ? passage.where : "unknown"), iconSize: [16, 16],
        iconAnchor: [8 - dx, 8 - dy], html: mark(passage.where, passage.sighted) }) }).addTo(group);
    passage.marker.on("click keypress", (event) => {
      if (event.type === "click" || event.originalEvent.key === "Enter") passages.go(passage);
    });
  }

  /* Where the car was then; in a silence, where it was before and after. */
  function whereThen(t) {
    const here = app.replay.whereAt(t);
    if (here) return [here.at];
    const row = app.track.rowAt(t), next = app.track.usableFrom(row + 1);
    return [row, next].filter((r) => r >= 0 && r < app.track.n).map(app.track.at);
  }

  function drawConflict(group, passage, k) {
    const places = whereThen(passage.t), style = Object.assign({ renderer: app.track.renderer, pane: "track", interactive: false }, LINE);
    passage.lines = places.map((place) => L.polyline([passage.at, place], style).addTo(group));
    places.forEach((place) => {
      L.circleMarker(place, Object.assign({}, style, { radius: 6, weight: 2, dashArray: null, fill: true, fillColor: "#fff", fillOpacity: 1 })).addTo(group);
      passage.reach.extend(place);
    });
    if (!places.length) return;
    const share = [0.5, 0.36, 0.64, 0.22, 0.78][k % 5], [a, b] = [passage.at, places[0]];
    const text = clock(passage.t, false) + (passage.near === null ? "" : " · " + distance(passage.near));
    L.marker([a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share], { interactive: false, keyboard: false, pane: "labels",
      icon: L.divIcon({ className: "apart-label", iconSize: null, html: el("span", {}, text) }) }).addTo(group);
  }

  /* Lit while the replay is at it: its mark, its tick, its line in the list, its dashed line. */
  passages.show = function (t, playing, rate) {
    const hold = playing ? Math.max(STILL_LIT_MS, rate * LIT_S * 1000) : STILL_LIT_MS;
    passages.list.forEach((passage) => {
      const lit = t >= passage.t && t < passage.t + hold;
      if (lit === passage.lit) return;
      passage.lit = lit;
      [passage.marker && passage.marker.getElement(), passage.bar, passage.node].forEach((node) => { if (node) node.classList.toggle("now", lit); });
      (passage.lines || []).forEach((line) => line.setStyle({ weight: lit ? 4 : LINE.weight, opacity: lit ? 1 : LINE.opacity }));
    });
  };

  passages.of = (finding) => passages.list.filter((passage) => (finding.seen && finding.seen.length
    ? passage.pieces.some((piece) => piece.finding === finding) : passage.t >= finding.start && passage.t < finding.end));

  passages.choose = function (finding, bounds) {
    const chosen = new Set(finding ? passages.of(finding) : []);
    passages.list.forEach((passage) => {
      const mine = chosen.has(passage) && passage.pieces.some((piece) => piece.finding === finding);
      const node = passage.marker && passage.marker.getElement();
      if (node) node.classList.toggle("chosen", mine);
      if (mine && passage.at) bounds.extend(passage.reach);
    });
    passages.filter(finding);
  };

  passages.title = () => _("Passages");
  passages.overlays = () => [[passages.groups.cameras, passages.title()], [passages.groups.apart, _("From the camera to where the car was then")]]
    .filter(([group]) => group.getLayers().length);

  passages.legend = function () {
    const has = (test) => passages.list.some(test), rows = [];
    const sample = (node) => el("span", { class: "swatch-mark" }, node);
    if (has((p) => p.at)) rows.push([sample(camera(18)), _("Checkpoint camera")]);
    [["there", _("Passage that fits the track")], ["possible", _("Passage not excluded by the track")],
      ["unknown", _("Passage without a track to compare")], ["elsewhere", _("Passage that contradicts the track")]]
      .forEach(([where, text]) => { if (has((p) => p.where === where)) rows.push([sample(mark(where, false)), text]); });
    if (has((p) => p.sighted)) rows.push([sample(mark("there", true)), _("Face record that a finding rests on")]);
    if (has((p) => p.lines && p.lines.length)) rows.push([app.swatch({ lines: [LINE] }), _("From the camera to where the car was then")]);
    return rows;
  };

  /* Draw everything, once the findings are known. `go` is what a click on a passage does. */
  passages.draw = function (map, findings, go, choose) {
    passages.go = go;
    passages.groups = { cameras: L.layerGroup().addTo(map), apart: L.layerGroup().addTo(map) };
    findings.forEach((finding) => (finding.seen || []).forEach((seen) => {
      seen.at = passages.list.find((passage) => passage.id === seen.passage) || null;
      if (seen.at) seen.at.pieces.push({ finding, seen });
    }));
    const around = new Map();
    passages.list.forEach((passage) => {
      passage.sighted = passage.pieces.some(({ seen }) => seen.seat);
      if (passage.sighted) passage.look += " is-sighted";
      passage.open = () => L.popup({ maxWidth: 340, offset: L.point(passage.shift[0], passage.shift[1] + 2),
        autoPanPaddingBottomRight: [54, 5] }).setLatLng(passage.at)
        .setContent(card(passage, choose)).openOn(map);
      if (!passage.at) return;
      const k = around.get(passage.camera) || 0;
      if (!k) {
        L.marker(passage.at, { interactive: false, keyboard: false, icon: L.divIcon({ className: "camera", iconSize: [20, 20], html: camera(20) }) })
          .addTo(passages.groups.cameras);
      }
      around.set(passage.camera, k + 1);
      passage.shift = slot(k);
      drawPassage(passages.groups.cameras, passage);
    });
    const near = () => map.getContainer().classList.toggle("far", map.getZoom() < 14);
    map.on("zoomend", near);
    near();
    passages.list.filter((p) => p.at && p.where === "elsewhere" && p.pieces.some(({ seen }) => !seen.seat))
      .forEach((passage, k) => {
        drawConflict(passages.groups.apart, passage, k);
        passages.bounds.extend(passage.reach);
      });
  };

  /* The layer's own call: what the page brings along. */
  function take(map, given) {
    const places = new Map(given.cameras.map(([name, lon, lat]) => [name, [lat, lon]]));
    passages.kmh = given.kmh;
    passages.list = given.passages.map((passage) => {
      const at = places.get(passage.camera) || null;
      return Object.assign(passage, { start: passage.t, end: passage.t, at, reach: L.latLngBounds(at ? [at] : []), shift: [0, 0], pieces: [], lit: false,
        text: textOf(passage), color: look(passage).fill, look: "is-" + (LOOKS[passage.where] ? passage.where : "unknown") });
    });
  }
})(trajaudit);
