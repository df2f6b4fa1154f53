/* What every page needs: data blocks, words, local time, elements, the page's head, the map's background.
   Text from outside reaches the page through textContent alone. */
"use strict";
const trajaudit = (function () {
  const NOTHING = "–";
  let words = {};
  let offsets = [[0, 0]];
  let page = null;

  function data(call) {
    return JSON.parse(document.getElementById("data-" + call).textContent);
  }

  function _(text, values) {
    const known = Object.prototype.hasOwnProperty.call(words, text) ? words[text] : text;
    return known.replace(/\{(\w+)\}/g, (whole, name) => (values && name in values ? String(values[name]) : whole));
  }

  /* An element with attributes, listeners (functions) and children; a child that is not an element becomes text. */
  function el(tag, attributes, children) {
    const node = document.createElement(tag);
    Object.keys(attributes || {}).forEach((name) => {
      const value = attributes[name];
      if (typeof value === "function") node.addEventListener(name, value);
      else if (value === true) node.setAttribute(name, "");
      else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
    });
    (Array.isArray(children) ? children : [children]).forEach((child) => {
      if (child === null || child === undefined || child === false) return;
      node.appendChild(child instanceof Node ? child : document.createTextNode(String(child)));
    });
    return node;
  }

  function facts(rows) {
    const list = el("dl", { class: "facts" });
    rows.forEach(([name, value]) => {
      if (value === null || value === undefined || value === "") return;
      list.appendChild(el("dt", {}, name));
      list.appendChild(el("dd", {}, value));
    });
    return list;
  }

  /* ---- local time of the city, by the page's own table */
  function local(t) {
    let ahead = offsets[0][1];
    offsets.forEach(([from, offset]) => { if (t >= from) ahead = offset; });
    return new Date(t + ahead);
  }
  const two = (number) => String(number).padStart(2, "0");
  function clock(t, seconds) {
    const at = local(t);
    const text = two(at.getUTCHours()) + ":" + two(at.getUTCMinutes());
    return seconds === false ? text : text + ":" + two(at.getUTCSeconds());
  }
  function dateOf(t) {
    const at = local(t);
    return at.getUTCFullYear() + "-" + two(at.getUTCMonth() + 1) + "-" + two(at.getUTCDate());
  }
  function moment(t) {
    return (page && dateOf(t) === page.date ? "" : dateOf(t).slice(5) + " ") + clock(t);
  }
  function lasting(ms) {
    const seconds = Math.round(ms / 1000);
    if (seconds < 90) return _("{n} s", { n: seconds });
    const minutes = Math.round(seconds / 60);
    if (minutes < 120) return _("{n} min", { n: minutes });
    return _("{h} h {n} min", { h: Math.floor(minutes / 60), n: minutes % 60 });
  }
  function timeRange(start, end) {
    const last = dateOf(start) === dateOf(end) ? clock(end) : moment(end);
    return moment(start) + "–" + last + " · " + lasting(end - start);
  }

  /* [lon, lat, lon, lat, ...] as Leaflet takes it */
  function pairs(flat) {
    const out = [];
    for (let i = 0; i < flat.length; i += 2) out.push([flat[i + 1], flat[i]]);
    return out;
  }

  /* ---- distances on a plane around a place: good to a few centimetres over a few kilometres */
  function metresAround(lat) {
    const e2 = 0.00669437999014, a = 6378137, sin = Math.sin(lat * Math.PI / 180);
    const w = 1 - e2 * sin * sin;
    return [
      Math.PI / 180 * a / Math.sqrt(w) * Math.cos(lat * Math.PI / 180),
      Math.PI / 180 * a * (1 - e2) / Math.pow(w, 1.5),
    ];
  }

  /* ---- neutral background: lines of longitude and latitude */
  const Graticule = L.Layer.extend({
    onAdd: function (map) {
      const pane = map.createPane("graticule");
      pane.style.zIndex = 200;
      this._canvas = L.DomUtil.create("canvas", "leaflet-zoom-hide", pane);
      map.on("move zoomend resize viewreset", this._draw, this);
      this._draw();
    },
    onRemove: function (map) {
      this._canvas.remove();
      map.off("move zoomend resize viewreset", this._draw, this);
    },
    _draw: function () {
      const map = this._map, size = map.getSize(), ratio = window.devicePixelRatio || 1, canvas = this._canvas;
      canvas.width = size.x * ratio;
      canvas.height = size.y * ratio;
      canvas.style.width = size.x + "px";
      canvas.style.height = size.y + "px";
      L.DomUtil.setPosition(canvas, map.containerPointToLayerPoint([0, 0]));
      const pen = canvas.getContext("2d"), bounds = map.getBounds();
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      pen.font = "11px " + getComputedStyle(document.body).fontFamily;
      const wide = (bounds.getEast() - bounds.getWest()) * 130 / size.x;
      const step = [1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30]
        .find((candidate) => candidate >= wide) || 45;
      const digits = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
      const first = (low) => Math.ceil(low / step - 1e-9);
      const line = (x1, y1, x2, y2, text, tx, ty) => {
        pen.strokeStyle = "#dfe3e0";
        pen.beginPath();
        pen.moveTo(x1, y1);
        pen.lineTo(x2, y2);
        pen.stroke();
        pen.fillStyle = "#6d7773";
        pen.fillText(text, tx, ty);
      };
      for (let k = first(bounds.getWest()); k * step <= bounds.getEast(); k++) {
        const x = Math.round(map.latLngToContainerPoint([0, k * step]).x) + 0.5;
        line(x, 0, x, size.y, (k * step).toFixed(digits) + "°", x + 4, 13);
      }
      for (let k = first(bounds.getSouth()); k * step <= bounds.getNorth(); k++) {
        const y = Math.round(map.latLngToContainerPoint([k * step, 0]).y) + 0.5;
        if (y > 24) line(0, y, size.x, y, (k * step).toFixed(digits) + "°", 4, y - 4);
      }
    },
  });

  /* Show bounds beside what covers the map: an open legend on the left, the buttons on the right. */
  function fit(map, bounds, maxZoom) {
    if (!bounds || !bounds.isValid()) return;
    const legend = map.getContainer().querySelector(".legend[open]");
    const left = legend && map.getSize().x > 620 ? legend.offsetWidth + 24 : 24;
    map.fitBounds(bounds, { paddingTopLeft: [left, 30], paddingBottomRight: [60, 34], maxZoom: maxZoom || 18, animate: false });
  }

  /* Where map and list stand one below the other, a choice in the list brings the map back into view. */
  function showMap(map) {
    if (window.matchMedia("(max-width: 760px)").matches) map.getContainer().scrollIntoView({ block: "start" });
  }

  /* The head of the page, the places for its parts, and the map's furniture. */
  function start(map, given) {
    page = given;
    words = given.words;
    offsets = given.offsets;
    document.body.className = given.kind;
    const about = given.kind === "index"
      ? [_("Service day {date}, 04:00 to 04:00", { date: given.date }), _("Times in {zone}", { zone: given.zone })]
      : [_("Service day {date}", { date: given.date }), given.school,
        given["class"] ? _("Class {name}", { name: given["class"] }) : null,
        _("Vehicle {id}", { id: given.vehicle }), _("Times in {zone}", { zone: given.zone })];
    const head = el("header", { class: "head" }, [
      given.index ? el("a", { class: "back", href: given.index }, "← " + _("Overview")) : null,
      given.back ? el("a", { class: "back", href: given.back[1] }, "← " + given.back[0]) : null,
      given.home ? el("a", { class: "back", href: given.home }, "← " + _("Start page")) : null,
      el("h1", {}, given.heading),
      el("p", { class: "about" }, about.filter(Boolean).join(" · ")),
      el("p", { class: "caution" }, _("A finding is a reason to check. Nothing here is established until a person has confirmed it.")),
    ]);
    const side = el("main", { class: "side", id: "side" });
    document.body.insertBefore(head, document.body.firstChild);
    document.body.insertBefore(side, map.getContainer());
    map.getContainer().setAttribute("role", "region");
    map.getContainer().setAttribute("aria-label", _("Map"));
    map.attributionControl.setPrefix("Leaflet");
    const tiles = given.tiles || [];
    map.attributionControl.addAttribution(tiles.length ? "WGS-84" : _("WGS-84, no background map"));
    tiles.forEach((one, k) => { if (k === 0) L.tileLayer(one.url, { attribution: one.name, maxNativeZoom: 18, maxZoom: 20 }).addTo(map); });
    L.control.zoom({ position: "topright", zoomInTitle: _("Zoom in"), zoomOutTitle: _("Zoom out") }).addTo(map);
    L.control.scale({ imperial: false, position: "bottomright" }).addTo(map);
    new Graticule().addTo(map);
    map.invalidateSize({ animate: false });
    new ResizeObserver(() => map.invalidateSize({ animate: false })).observe(map.getContainer());
  }

  return { NOTHING, data, _, el, facts, clock, dateOf, moment, lasting, timeRange, metresAround, pairs, fit, showMap,
    page: start, about: () => page };
})();
