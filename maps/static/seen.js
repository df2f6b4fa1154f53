/* What cameras saw, in the list beside the map: a finding's pieces with their strength, and all passages of the car. */
"use strict";
(function (app) {
  const { _, el, facts } = app;
  const passages = app.passages;
  const FILTERS = ["all", "chosen", "against"];

  function line(where, sighted, rows) {
    return [passages.mark(where, sighted), el("span", { class: "passage-text" }, rows.map((row, k) => el("span", { class: k ? "line" : "line time" }, row)))];
  }

  /* One piece of a finding: a face where one counts, else what the track says. */
  function piece(seen, go) {
    const said = seen.seat ? passages.worth(seen) : passages.trackSays(seen.where, seen.near);
    const when = seen.t === null ? app.NOTHING : app.moment(seen.t);
    return el("li", {}, el("button", { type: "button", class: "passage-line", click: () => go(seen) },
      line(seen.where, Boolean(seen.seat), [[when, seen.camera].filter(Boolean).join(" · "), said])));
  }

  /* For a finding's card: what was seen when and where, and how strong all of it is together. */
  passages.pieces = function (finding, go) {
    if (!finding.seen || !finding.seen.length) return null;
    const measured = (finding.evidence || {}).measured || {}, likeliest = finding.likeliest;
    const faces = finding.seen.some((seen) => seen.seat);
    const person = finding.person || _("this person");
    return el("div", { class: "seen" }, [
      el("h4", {}, _("What cameras saw")),
      el("ol", { class: "passage-list" }, finding.seen.map((seen) => piece(seen, go))),
      faces ? el("p", { class: "note" }, _("Strength compares two statements: {person} sat in that seat, or somebody else did.", { person })) : null,
      facts([
        [_("All together"), faces ? measured.strength_zh || measured.strength_en : null],
        [_("Likeliest"), likeliest ? likeliest.name : null],
        [_("Strength"), likeliest ? _("{strength}, over “{rival}”", likeliest) : null],
      ]),
    ]);
  };

  /* All passages of the car, with a filter. */
  passages.section = function (choose) {
    const state = { filter: "all", finding: null };
    const named = { all: _("All"), chosen: _("Those of the chosen finding"), against: _("Those that contradict the track") };
    const select = el("select", { id: "passage-filter", change: () => { state.filter = select.value; sift(); } },
      FILTERS.map((name) => el("option", { value: name }, named[name])));
    const empty = el("p", { class: "note" }, _("No passage here. Choose a finding first."));
    const list = el("ol", { class: "passage-list", id: "passages" }, passages.list.map((passage) => {
      const faces = passage.pieces.filter(({ seen }) => seen.seat);
      const rows = [app.moment(passage.t) + " · " + passage.camera, passages.trackSays(passage.where, passage.near)]
        .concat(faces.map(({ finding, seen }) => [finding.person, passages.worth(seen)].filter(Boolean).join(" · ")));
      passage.node = el("li", { "data-passage": passage.id },
        el("button", { type: "button", class: "passage-line", click: () => choose(passage, true) }, line(passage.where, passage.sighted, rows)));
      return passage.node;
    }));
    function sift() {
      const mine = new Set(state.finding ? passages.of(state.finding) : []);
      passages.list.forEach((passage) => {
        passage.node.hidden = (state.filter === "chosen" && !mine.has(passage)) || (state.filter === "against" && passage.where !== "elsewhere");
      });
      empty.hidden = passages.list.some((passage) => !passage.node.hidden);
    }
    passages.filter = (finding) => { state.finding = finding; sift(); };
    sift();
    return el("section", { class: "passages" }, [
      el("h2", {}, _("Passages of this car: {n}", { n: passages.list.length })),
      el("p", { class: "passage-filter" }, [el("label", { for: "passage-filter" }, _("Show")), select]), empty, list,
    ]);
  };
})(trajaudit);
