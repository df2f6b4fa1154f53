/* Approved places: outlines, names where there is room, and what is approved there. */
"use strict";
(function (app) {
  const { _, el, facts, metresAround, pairs } = app;
  const STYLES = {
    ground: { color: "#00795c", weight: 2, dashArray: null, fillColor: "#009e73", fillOpacity: 0.13 },
    route: { color: "#33658a", weight: 1.5, dashArray: "7 4", fillColor: "#56b4e9", fillOpacity: 0.16 },
    site: { color: "#9a5b00", weight: 2, dashArray: "2 4", fillColor: "#e69f00", fillOpacity: 0.16 },
  };
  const kindName = (kind) => ({ ground: _("Training ground"), route: _("Training route"), site: _("Exam site") })[kind] || kind;
  let zones = [];

  function crosses(ring, lon, lat) {
    let inside = false;
    for (let i = 0, j = ring.length - 2; i < ring.length; j = i, i += 2) {
      if ((ring[i + 1] > lat) !== (ring[j + 1] > lat)
        && lon < (ring[j] - ring[i]) * (lat - ring[i + 1]) / (ring[j + 1] - ring[i + 1]) + ring[i]) inside = !inside;
    }
    return inside;
  }
  const holds = (zone, lon, lat) =>
    zone.areas.some((rings) => rings.reduce((inside, ring) => inside !== crosses(ring, lon, lat), false));

  function edgeDistance(zone, lon, lat) {
    const [kx, ky] = metresAround(lat);
    let best = Infinity;
    zone.areas.forEach((rings) => rings.forEach((ring) => {
      for (let i = 0; i + 3 < ring.length; i += 2) {
        const ax = (ring[i] - lon) * kx, ay = (ring[i + 1] - lat) * ky;
        const dx = (ring[i + 2] - ring[i]) * kx, dy = (ring[i + 3] - ring[i + 1]) * ky;
        const along = Math.max(0, Math.min(1, -(ax * dx + ay * dy) / (dx * dx + dy * dy || 1)));
        best = Math.min(best, Math.hypot(ax + along * dx, ay + along * dy));
      }
    }));
    return best;
  }

  /* The nearest place approved for training, in words: metres to its edge, on which side. */
  function margin(lon, lat) {
    let nearest = null;
    zones.filter((zone) => zone.kind !== "site").forEach((zone) => {
      const inside = holds(zone, lon, lat), metres = edgeDistance(zone, lon, lat);
      const signed = inside ? -metres : metres;
      if (isFinite(metres) && (!nearest || signed < nearest.signed)) nearest = { zone, signed, metres };
    });
    if (!nearest) return null;
    const values = { m: nearest.metres < 10 ? nearest.metres.toFixed(1) : Math.round(nearest.metres), name: nearest.zone.name };
    return nearest.signed < 0 ? _("{m} m inside {name}", values) : _("{m} m outside {name}", values);
  }

  function describe(zone) {
    return el("div", { class: "card" }, [
      el("h3", {}, zone.name),
      facts([
        [_("Kind"), kindName(zone.kind)],
        [_("Number"), zone.id],
        [_("Corridor width"), zone.width ? _("{n} m", { n: zone.width }) : null],
        [_("Approved hours"), zone.hours],
        [_("Schools"), zone.kind === "site" ? null : zone.schools],
        [_("Parts"), zone.kind === "site" ? null : zone.parts],
        [_("Classes"), zone.kind === "site" ? null : zone.classes],
        [_("Approval"), zone.approval],
        [_("In force"), (zone.from || "…") + " – " + (zone.to || "…")],
      ]),
      zone.kind === "site" ? el("p", { class: "note" }, _("Approved for examinations only")) : null,
    ]);
  }

  function longestLeg(path) {
    let best = path[0], most = -1;
    for (let i = 1; i < path.length; i++) {
      const [ky, kx] = [path[i][0] - path[i - 1][0], (path[i][1] - path[i - 1][1]) * Math.cos(path[i][0] * Math.PI / 180)];
      if (Math.hypot(ky, kx) > most) {
        most = Math.hypot(ky, kx);
        best = [(path[i][0] + path[i - 1][0]) / 2, (path[i][1] + path[i - 1][1]) / 2];
      }
    }
    return best;
  }

  /* Names, largest place first, only where the outline is wide enough and no other name stands already. */
  function nameThem(map, layer) {
    layer.clearLayers();
    const taken = [];
    zones.filter((zone) => zone.bounds.isValid())
      .map((zone) => {
        const a = map.latLngToContainerPoint(zone.bounds.getNorthWest());
        const b = map.latLngToContainerPoint(zone.bounds.getSouthEast());
        return { zone, wide: b.x - a.x, high: b.y - a.y };
      })
      .sort((a, b) => b.wide * b.high - a.wide * a.high)
      .forEach(({ zone, wide, high }) => {
        const room = Math.min(220, zone.name.length * 13 + 12);
        if (Math.max(wide, high) < 0.6 * room || high < 12) return;
        const middle = zone.line ? longestLeg(pairs(zone.line)) : zone.bounds.getCenter();
        const at = map.latLngToContainerPoint(middle);
        if (taken.some((other) => Math.abs(other.x - at.x) < (other.room + room) / 2 && Math.abs(other.y - at.y) < 20)) return;
        taken.push({ x: at.x, y: at.y, room });
        L.marker(middle, { interactive: false, keyboard: false, pane: "names",
          icon: L.divIcon({ className: "place-name", iconSize: null, html: el("span", { class: "on-" + zone.kind }, zone.name) }) })
          .addTo(layer);
      });
  }

  app.places = function (map, given) {
    zones = given;
    map.createPane("places").style.zIndex = 350;
    map.createPane("names").style.zIndex = 590;
    map.getPane("names").style.pointerEvents = "none";
    const renderer = L.canvas({ pane: "places", padding: 0.4 });
    const shapes = L.layerGroup().addTo(map), names = L.layerGroup().addTo(map);
    zones.forEach((zone) => {
      zone.bounds = L.latLngBounds([]);
      const rings = zone.areas.map((area) => area.map(pairs));
      const line = zone.line ? pairs(zone.line) : null;
      rings.forEach((area) => zone.bounds.extend(L.latLngBounds(area[0])));
      if (line) zone.bounds.extend(L.latLngBounds(line));
      const style = STYLES[zone.kind] || STYLES.ground;
      L.polygon(rings, Object.assign({ renderer, pane: "places", interactive: false }, style)).addTo(shapes);
      if (line) {
        L.polyline(line, { renderer, pane: "places", interactive: false, color: style.color, weight: 1, opacity: 0.7 }).addTo(shapes);
      }
    });
    map.on("zoomend viewreset", () => nameThem(map, names));
    map.whenReady(() => nameThem(map, names));
    app.places.list = zones;
    app.places.margin = margin;
    app.places.describe = describe;
    app.places.at = (lon, lat) => zones.filter((zone) => holds(zone, lon, lat));
    app.places.named = (id) => { const found = zones.find((zone) => zone.id === id); return found ? found.name : id; };
    app.places.bounds = () => zones.reduce((all, zone) => all.extend(zone.bounds), L.latLngBounds([]));
    app.places.legend = () => Object.keys(STYLES)
      .filter((kind) => zones.some((zone) => zone.kind === kind))
      .map((kind) => [app.swatch({ area: STYLES[kind] }), kindName(kind)]);
  };

  /* A sample of a line or an area for the legend. */
  app.swatch = function (what) {
    const space = "http://www.w3.org/2000/svg", svg = document.createElementNS(space, "svg");
    const add = (tag, attributes) => {
      const node = document.createElementNS(space, tag);
      Object.keys(attributes).forEach((name) => { if (attributes[name] !== null) node.setAttribute(name, attributes[name]); });
      svg.appendChild(node);
    };
    svg.setAttribute("class", "swatch");
    svg.setAttribute("width", 34);
    svg.setAttribute("height", 16);
    svg.setAttribute("aria-hidden", "true");
    if (what.area) {
      add("rect", { x: 2, y: 2, width: 30, height: 12, fill: what.area.fillColor, "fill-opacity": 0.25, stroke: what.area.color,
        "stroke-width": what.area.weight, "stroke-dasharray": what.area.dashArray });
    }
    (what.lines || []).forEach((line) => add("line", { x1: 2, y1: 8, x2: 32, y2: 8, stroke: line.color, "stroke-width": line.weight,
      "stroke-dasharray": line.dashArray || null, "stroke-linecap": line.lineCap || "butt", "stroke-opacity": line.opacity || 1 }));
    if (what.ring) add("circle", { cx: 17, cy: 8, r: 5, fill: "#fff", stroke: what.ring, "stroke-width": 2 });
    return svg;
  };

  /* A legend that can be folded away; folded at first where the map is small. */
  app.legend = function (map, rows) {
    const control = L.control({ position: "bottomleft" });
    control.onAdd = function () {
      const box = el("details", { class: "legend" }, [
        el("summary", {}, _("Legend")),
        el("ul", {}, rows.map(([sample, text]) => el("li", {}, [sample, el("span", {}, text)]))),
      ]);
      box.open = map.getSize().x > 620;
      L.DomEvent.disableClickPropagation(box);
      L.DomEvent.disableScrollPropagation(box);
      return box;
    };
    control.addTo(map);
  };
})(trajaudit);
