/* Two runs compared: list with filters, findings in the colour and line of what became of them. */
"use strict";
(function (app) {
  const { _, el, fit, pairs } = app;
  const AT_ONCE = 200;
  /* Colours that colour-blind eyes tell apart (Okabe and Ito 2008); sign and dash say the same without colour. */
  const STYLES = {
    new: { color: "#c04a00", sign: "+", dashArray: null },
    gone: { color: "#0072b2", sign: "−", dashArray: "7 6" },
    changed: { color: "#7b3294", sign: "≠", dashArray: null },
    unchanged: { color: "#6d7773", sign: "=", dashArray: null },
  };
  const STATUSES = Object.keys(STYLES);
  const nameOf = (status) =>
    ({ new: _("new"), gone: _("gone"), changed: _("changed"), unchanged: _("unchanged") })[status];
  const state = { shown: [], limit: AT_ONCE, chosen: null };

  const linesOf = (place) => (place ? place.lines.map(pairs) : []);
  const whereabouts = (matter) => matter.place || matter.was;

  function became(status) {
    const node = el("span", { class: "became", title: nameOf(status) }, STYLES[status].sign);
    node.style.background = STYLES[status].color;
    return node;
  }

  function told(title, texts, kind) {
    if (!texts.length) return [];
    return [el("h4", {}, title), el("ul", { class: "told " + kind }, texts.map((text) => el("li", {}, text)))];
  }

  function body(matter, short) {
    return [el("span", { class: "line" }, [became(matter.status), el("strong", {}, nameOf(matter.status))])].concat(
      app.finding.body(matter, true), told(_("What changed"), matter.what, "what"), short ? [] : told(_("Why"), matter.why, "why"));
  }

  /* ---- on the map: as it was below, dashed; as it is above */
  function draw(matter, layer, choose, renderer) {
    const style = STYLES[matter.status], thin = matter.status === "unchanged";
    const add = (shape, options) => shape.forEach((line) => L.polyline(line, Object.assign(
      { renderer, color: style.color, weight: thin ? 2 : 5, opacity: thin ? 0.6 : 0.9 }, options)).on("click", () => choose(matter, true)).addTo(layer));
    if (matter.status === "changed") add(linesOf(matter.was), { dashArray: "2 6", weight: 4, opacity: 0.6 });
    add(linesOf(whereabouts(matter)), { dashArray: style.dashArray });
    const at = whereabouts(matter).at;
    L.circleMarker([at[1], at[0]], { renderer, radius: thin ? 4 : 7, color: "#fff", weight: 1.5, fillColor: style.color, fillOpacity: 1 })
      .on("click", () => choose(matter, true)).addTo(layer);
  }

  function former(map, zones, renderer) {
    zones.forEach((zone) => zone.areas.forEach((area) => L.polygon(area.map(pairs),
      { renderer, interactive: false, color: STYLES.gone.color, weight: 2, dashArray: "3 5", fill: false }).addTo(map)));
  }

  /* ---- filters */
  function select(id, text, all, values) {
    return [el("label", { for: id }, text), el("select", { id }, [el("option", { value: "" }, all)].concat(
      values.map(([value, name]) => el("option", { value }, name))))];
  }
  function filterForm(given, change) {
    const rules = new Map(given.matters.map((matter) => [matter.rule, matter.title]));
    const form = el("form", { class: "filters", submit: (event) => event.preventDefault() }, [
      ...select("by-rule", _("Rule"), _("All rules"), Array.from(rules)),
      el("label", { for: "by-text" }, _("Search")),
      el("input", { id: "by-text", type: "search", placeholder: _("Plate, place, words of the summary"), autocomplete: "off" }),
      el("fieldset", {}, [el("legend", {}, _("What became of it"))].concat(STATUSES.map((status) =>
        el("label", { class: "check" }, [
          el("input", { type: "checkbox", name: "status", value: status, checked: status !== "unchanged" }),
          nameOf(status) + " (" + given.statuses[status] + ")",
        ])))),
    ]);
    form.addEventListener("input", change);
    form.addEventListener("change", change);
    return form;
  }
  function wanted(form) {
    const rule = form.querySelector("#by-rule").value, text = form.querySelector("#by-text").value.trim().toLowerCase();
    const statuses = Array.from(form.querySelectorAll("[name=status]:checked")).map((box) => box.value);
    return (matter) => statuses.includes(matter.status) && (!rule || matter.rule === rule) && (!text || matter.words.includes(text));
  }

  app.compare = function (map, given) {
    const matters = given.matters, side = document.getElementById("side");
    matters.forEach((matter) => {
      matter.words = [matter.id, matter.plate, matter.vehicle, matter.school, matter.zone, matter.feed, matter.title, matter.summary]
        .concat(matter.what, matter.why).filter(Boolean).join("\n").toLowerCase();
    });
    map.createPane("differences").style.zIndex = 420;
    const renderer = L.canvas({ pane: "differences", padding: 0.4, tolerance: 4 });
    const layer = L.layerGroup().addTo(map);
    former(map, given.former, renderer);
    const list = el("ol", { class: "findings", id: "findings" }), count = el("p", { class: "count", role: "status", "aria-live": "polite" });
    const more = el("button", { type: "button", class: "more", click: () => { state.limit += AT_ONCE; fill(); } }, _("Show more"));

    function choose(matter, onMap) {
      state.chosen = matter;
      list.querySelectorAll("[aria-current]").forEach((node) => node.removeAttribute("aria-current"));
      if (matter.node && matter.node.isConnected) {
        matter.node.setAttribute("aria-current", "true");
        if (onMap) matter.node.scrollIntoView({ block: "nearest" });
      }
      const where = whereabouts(matter);
      if (!where) return;
      const at = [where.at[1], where.at[0]];
      if (!onMap) {
        app.showMap(map);
        fit(map, L.latLngBounds([at].concat(...linesOf(matter.place), ...linesOf(matter.was))), 17);
      }
      L.popup({ maxWidth: 320 }).setLatLng(at).setContent(el("div", { class: "card" }, body(matter, true))).openOn(map);
    }

    function node(matter) {
      matter.node = el("li", { "data-finding": matter.id }, el("button", { type: "button", class: "entry", click: () => choose(matter, false) },
        body(matter).concat(whereabouts(matter) ? null : el("span", { class: "line note" }, _("Without a place on the map")))));
      return matter.node;
    }
    function fill() {
      list.textContent = "";
      state.shown.slice(0, state.limit).forEach((matter) => list.appendChild(node(matter)));
      more.hidden = state.shown.length <= state.limit;
      count.textContent = _("{n} of {all} findings", { n: state.shown.length, all: matters.length });
    }

    const form = filterForm(given, () => {
      state.shown = matters.filter(wanted(form));
      state.limit = AT_ONCE;
      layer.clearLayers();
      state.shown.slice().reverse().forEach((matter) => { if (whereabouts(matter)) draw(matter, layer, choose, renderer); });
      fill();
    });
    side.appendChild(form);
    side.appendChild(count);
    if (!matters.some((matter) => matter.status !== "unchanged")) side.appendChild(el("p", { class: "note" }, _("Both runs say the same.")));
    side.appendChild(list);
    side.appendChild(more);

    const bounds = app.places.bounds();
    matters.filter(whereabouts).forEach((matter) => bounds.extend([whereabouts(matter).at[1], whereabouts(matter).at[0]]));
    const lineOf = (status) => ({ color: STYLES[status].color, weight: status === "unchanged" ? 2 : 5, dashArray: STYLES[status].dashArray });
    app.legend(map, app.places.legend().concat(STATUSES.filter((status) => given.statuses[status])
      .map((status) => [app.swatch({ lines: [lineOf(status)] }), STYLES[status].sign + " " + nameOf(status)]),
    given.statuses.changed ? [[app.swatch({ lines: [Object.assign(lineOf("changed"), { dashArray: "2 6", weight: 4 })] }), _("as it was before")]] : [],
    given.former.length ? [[app.swatch({ area: { fillColor: "none", color: STYLES.gone.color, weight: 2, dashArray: "3 5" } }), _("Former outline")]] : []));
    fit(map, bounds);
    form.dispatchEvent(new Event("change"));
    app.compare.state = () => ({ shown: state.shown.map((matter) => matter.id), chosen: state.chosen && state.chosen.id });
  };
})(trajaudit);
