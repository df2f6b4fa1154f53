/* The track of a vehicle's day: decoded columns, and its drawing by what the car did. */
"use strict";
(function (app) {
  const { _, el, facts } = app;
  const STANDING = 0, MOVING = 1, GAP = 2;
  const PLAIN = 0, YARD = 1, ROAD = 2, UNDETERMINED = 3;
  const QUIET_FLAGS = 64 + 256;  // late, time without offset: true of whole days, so said in popups only
  const STYLES = {
    plain: [{ color: "#0072b2", weight: 3 }],
    undetermined: [{ color: "#0072b2", weight: 3, dashArray: "9 6" }],
    yard: [{ color: "#7b3294", weight: 5, dashArray: "13 5", lineCap: "butt" }],
    road: [{ color: "#004d40", weight: 7 }, { color: "#b9f6dc", weight: 2.5 }],
    standing: [{ color: "#555", weight: 3, dashArray: "1 6", lineCap: "round" }],
    gap: [{ color: "#222", weight: 1.3, dashArray: "3 6" }],
  };
  const track = { STYLES, notes: { gap: [], standing: [], flagged: [] } };
  const styleName = (activity) => ({ [YARD]: "yard", [ROAD]: "road", [UNDETERMINED]: "undetermined" })[activity] || "plain";
  track.activityName = (activity) => [_("Plain driving"), _("Yard training"), _("Road training"), _("Undetermined")][activity];
  track.kindName = (kind) => [_("Standing"), _("Moving"), _("Silent")][kind];

  function unpacked([bits, text]) {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    return Array.from(bits === 16 ? new Int16Array(bytes.buffer) : new Int32Array(bytes.buffer));
  }

  function sums(first, steps) {
    let sum = first;
    return unpacked(steps).map((step) => (sum += step));
  }

  function decode(given) {
    track.n = given.n;
    track.t = sums(0, given.dt).map((t) => given.t0 + t * given.unit);
    track.lon = sums(given.x0, given.dx).map((x) => x / 1e6);
    track.lat = sums(given.y0, given.dy).map((y) => y / 1e6);
    track.v = unpacked(given.v);
    track.h = unpacked(given.h);
    track.source = sums(given.source0, given.source);
    track.flags = new Uint32Array(given.n);
    given.flagged[0].forEach((row, k) => { track.flags[row] = given.flagged[1][k]; });
    track.usable = Array.from(track.flags, (flags) => (flags & given.unusable) === 0);
    given.nowhere.forEach((row) => { track.usable[row] = false; });
    track.nowhere = new Set(given.nowhere);
    track.activity = new Uint8Array(given.n);
    const named = ([what, start, stop, from, to]) => ({ what, start, stop, from: given.t0 + from, to: given.t0 + to });
    track.spans = given.spans.map(named);
    track.stretches = given.stretches.map(named);
    track.stretches.forEach((stretch, k) => {
      stretch.p = given.probabilities[k];
      track.activity.fill(stretch.what, stretch.start, stretch.stop);
    });
    track.gaps = track.spans.filter((span) => span.what === GAP);
    track.given = given;
  }

  /* The row of the last usable fix at or before t (-1: none). */
  track.rowAt = function (t) {
    let low = 0, high = track.n;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (track.t[middle] <= t) low = middle + 1; else high = middle;
    }
    let row = low - 1;
    while (row >= 0 && !track.usable[row]) row--;
    return row;
  };
  track.usableFrom = function (row) {
    while (row < track.n && !track.usable[row]) row++;
    return row;
  };
  track.usableBefore = function (row) {
    while (row >= 0 && !track.usable[row]) row--;
    return row;
  };
  track.rowsWithin = (start, end) => {
    let first = 0, last = track.n;
    while (first < last) { const m = (first + last) >> 1; if (track.t[m] < start) first = m + 1; else last = m; }
    let stop = first;
    while (stop < track.n && track.t[stop] < end) stop++;
    return [first, stop];
  };
  track.at = (row) => [track.lat[row], track.lon[row]];
  track.path = function (start, stop) {
    const out = [];
    for (let row = Math.max(0, start); row < Math.min(track.n, stop); row++) if (track.usable[row]) out.push(track.at(row));
    return out;
  };
  track.place = function (row) {
    const number = track.source[row];
    let found = null;
    track.given.runs.forEach((run) => { if (run[0] <= number && (!found || run[0] > found[0])) found = run; });
    return found ? { file: track.given.files[found[1]], row: found[2] + number - found[0] } : null;
  };
  track.flagNames = (flags) => track.given.flagNames.filter(([bit]) => flags & bit).map(([, name]) => name);
  track.kmh = (row) => (row >= 0 && track.v[row] >= 0 ? (track.v[row] * 0.36).toFixed(track.v[row] < 28 ? 1 : 0) + " km/h" : app.NOTHING);
  track.gapAt = (t) => track.gaps.find((gap) => t > gap.from && t < gap.to);

  function line(group, path, style) {
    if (path.length < 2) return;
    STYLES[style].forEach((look) => L.polyline(path, Object.assign({ renderer: track.renderer, pane: "track", interactive: false }, look)).addTo(group));
  }

  /* One row further where the car went on driving or standing, so that the drawn line is whole. */
  const reach = (span, row) => (row < span.stop || !track.gaps.some((gap) => gap.start === row) ? row + 1 : row);

  /* Moving rows, cut where the activity changes; each piece reaches the first fix of the next. */
  function drawMoving(groups, span) {
    let start = span.start;
    for (let row = span.start + 1; row <= span.stop; row++) {
      if (row === span.stop || track.activity[row] !== track.activity[start]) {
        const style = styleName(track.activity[start]);
        line(groups[style], track.path(start, reach(span, row)), style);
        start = row;
      }
    }
  }

  function drawGap(group, gap) {
    const before = track.usableBefore(gap.start - 1), after = track.usableFrom(gap.start);
    if (before < 0 || after >= track.n) return;
    const ends = [track.at(before), track.at(after)];
    line(group, ends, "gap");
    ends.forEach((end) => L.circleMarker(end, { renderer: track.renderer, pane: "track", interactive: false, radius: 3, color: "#222", weight: 1.5,
      fill: true, fillColor: "#fff", fillOpacity: 1 }).addTo(group));
    if (gap.to - gap.from < 120000) return;
    track.notes.gap.push({ at: [(ends[0][0] + ends[1][0]) / 2, (ends[0][1] + ends[1][1]) / 2], ms: gap.to - gap.from,
      text: _("silent {time}", { time: app.lasting(gap.to - gap.from) }) });
  }

  function drawStanding(group, span) {
    const path = track.path(span.start, span.stop);
    line(group, track.path(span.start, reach(span, span.stop)), "standing");
    if (!path.length || span.to - span.from < 180000) return;
    const middle = (k) => path.map((p) => p[k]).sort((a, b) => a - b)[path.length >> 1];
    track.notes.standing.push({ at: [middle(0), middle(1)], ms: span.to - span.from,
      text: _("stood {time}", { time: app.lasting(span.to - span.from) }) });
  }

  function drawFlagged(group) {
    for (let row = 0; row < track.n; row++) {
      const flags = track.flags[row] & ~QUIET_FLAGS;
      if (!flags || track.nowhere.has(row)) continue;
      const bad = (flags & track.given.unusable) !== 0;
      L.circleMarker(track.at(row), { renderer: track.renderer, pane: "track", interactive: false, radius: bad ? 5 : 3.5, weight: 1.8,
        color: bad ? "#b00020" : "#777", fill: true, fillColor: "#fff", fillOpacity: 0.75 }).addTo(group);
      track.notes.flagged.push({ at: track.at(row), ms: 0, text: track.flagNames(flags).join(", ") });
    }
  }

  /* Words beside silences, stops and (from near) flagged fixes: the longest first, and never two on one spot. */
  function annotate(map, layers) {
    const taken = [], view = map.getBounds().pad(0.05);
    ["gap", "standing", "flagged"].forEach((kind) => {
      layers[kind].clearLayers();
      if (kind === "flagged" && map.getZoom() < 16) return;
      track.notes[kind].forEach((note) => {
        if (taken.length >= 80 || !view.contains(note.at)) return;
        const at = map.latLngToContainerPoint(note.at);
        if (taken.some((other) => Math.abs(other.x - at.x) < 90 && Math.abs(other.y - at.y) < 28)) return;
        taken.push(at);
        L.marker(note.at, { interactive: false, keyboard: false, pane: "labels",
          icon: L.divIcon({ className: kind + "-label", iconSize: null, html: el("span", {}, note.text) }) }).addTo(layers[kind]);
      });
    });
  }

  track.describe = function (row) {
    const kind = track.spans.find((span) => row >= span.start && row < span.stop);
    const place = track.place(row), flags = track.flagNames(track.flags[row]);
    return el("div", { class: "card" }, [
      el("h3", {}, app.moment(track.t[row])),
      facts([
        [_("Speed"), track.kmh(row)],
        [_("State"), kind ? track.kindName(kind.what) + (kind.what === MOVING ? " · " + track.activityName(track.activity[row]) : "") : null],
        [_("Nearest approved edge"), app.places.margin(track.lon[row], track.lat[row])],
        [_("Flags"), flags.join(", ") || null],
        [_("Position"), track.lat[row].toFixed(6) + ", " + track.lon[row].toFixed(6)],
        [_("File"), place ? place.file : null],
        [_("Row"), place ? place.row : null],
      ]),
    ]);
  };

  track.nearest = function (map, point, reach) {
    let best = -1, least = reach * reach;
    for (let row = 0; row < track.n; row++) {
      if (track.nowhere.has(row)) continue;
      const at = map.latLngToContainerPoint(track.at(row));
      const d = (at.x - point.x) * (at.x - point.x) + (at.y - point.y) * (at.y - point.y);
      if (d < least) { least = d; best = row; }
    }
    return best;
  };

  app.track = function (map, given) {
    decode(given);
    map.createPane("halo").style.zIndex = 380;
    map.createPane("track").style.zIndex = 410;
    map.createPane("labels").style.zIndex = 620;
    map.getPane("labels").style.pointerEvents = "none";
    track.renderer = L.canvas({ pane: "track", padding: 0.4 });
    const groups = {};
    ["plain", "undetermined", "yard", "road", "standing", "gap", "flagged"].forEach((name) => { groups[name] = L.layerGroup().addTo(map); });
    track.spans.forEach((span) => {
      if (span.what === MOVING) drawMoving(groups, span);
      else if (span.what === STANDING) drawStanding(groups.standing, span);
      else drawGap(groups.gap, span);
    });
    drawFlagged(groups.flagged);
    const layers = {};
    Object.keys(track.notes).forEach((kind) => {
      track.notes[kind].sort((a, b) => b.ms - a.ms);
      layers[kind] = L.layerGroup();
      if (track.notes[kind].length) layers[kind].addTo(groups[kind]);
    });
    map.on("moveend", () => annotate(map, layers));
    const usable = track.path(0, track.n);
    track.bounds = L.latLngBounds(usable.length ? usable : []);
    track.groups = groups;
    track.ends = usable.length ? [usable[0], usable[usable.length - 1]] : [];
    track.legend = () => [["plain", _("Plain driving")], ["undetermined", _("Undetermined")], ["yard", _("Yard training")], ["road", _("Road training")],
      ["standing", _("Standing")], ["gap", _("Silent (not a path)")]]
      .filter(([name]) => groups[name].getLayers().length)
      .map(([name, text]) => [app.swatch({ lines: STYLES[name] }), text])
      .concat(track.flags.some((flags) => flags & ~QUIET_FLAGS) ? [[app.swatch({ ring: "#b00020" }), _("Flagged fix (hollow)")]] : []);
    Object.assign(app.track, track);
  };
})(trajaudit);
