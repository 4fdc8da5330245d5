"use strict";
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // only open sections are printed; these whole, but without all seeds' values, which would fill hundreds of sheets
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = all(".whole[open] details:not([open], .seeds, .whole), header > .protocol:not([open])")
      .filter((fold) => !fold.closest(".whole:not([open])") && $(".whole[open]", fold.closest(".experiment")));
    opened.forEach((fold) => { fold.open = true; });
  });
  addEventListener("afterprint", () => { opened.forEach((fold) => { fold.open = false; }); });

  all("button.copy").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const text = button.dataset.copy;
      try {
        await navigator.clipboard.writeText(text);
      } catch {
        const area = Object.assign(document.createElement("textarea"), { value: text });
        document.body.append(area);
        area.select();
        document.execCommand("copy");
        area.remove();
      }
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  });

  const form = $("form.filters");
  if (!form) return;
  const table = $("table.claims");
  const bodies = all("tbody", table);
  const rows = all("tr.row", table);
  const sections = new Map(all("article.claim").map((section) => [section.dataset.id, section]));
  const home = new Map(rows.map((row) => [row, row.parentNode]));
  const sorted = document.createElement("tbody");
  sorted.setAttribute("role", "rowgroup");
  const verdicts = ["error", "refuted", "inconclusive", "supported"];
  const orders = {
    verdict: (a, b) => verdicts.indexOf(a.dataset.verdict) - verdicts.indexOf(b.dataset.verdict),
    time: (a, b) => b.dataset.seconds - a.dataset.seconds,
    seeds: (a, b) => b.dataset.seeds - a.dataset.seeds,
    text: (a, b) => $(".text", a).textContent.localeCompare($(".text", b).textContent),
  };
  const words = new Map(rows.map((row) => {
    const section = sections.get(row.dataset.id);
    const own = section ? all(":scope > .whole > .inside > :is(.kicker, .departs, .sentence, .reason)", section) : [];
    const parts = [row.dataset.id, ...[$(".text", row), ...own].map((piece) => piece.textContent)];
    return [row, parts.join(" ").toLowerCase()];
  }));
  let order = "";

  const chosen = () => new Set(all("input[name=verdict]:checked", form).map((box) => box.value));

  function apply() {
    const verdict = chosen();
    const experiment = form.elements.experiment.value;
    const text = form.elements.text.value.trim().toLowerCase();
    let count = 0;
    for (const row of rows) {
      const shown = (!verdict.size || verdict.has(row.dataset.verdict))
        && (!experiment || row.dataset.experiment === experiment)
        && text.split(/\s+/).every((word) => words.get(row).includes(word));
      row.hidden = !shown;
      count += shown;
      sections.get(row.dataset.id)?.classList.toggle("away", !shown);
    }
    // a claim stays visible, as a frame, where one of its variants matches
    for (const section of sections.values()) {
      const within = $(".variants article.claim:not(.away)", section);
      section.classList.toggle("frame", section.classList.contains("away") && Boolean(within));
    }
    if (order !== form.elements.sort.value) sort(form.elements.sort.value);
    for (const body of bodies) body.hidden = !$("tr.row:not([hidden])", body);
    for (const section of all("section.experiment")) {
      section.hidden = !$("article.claim:not(.away)", section);
    }
    $(".found", form).textContent = count === rows.length ? `${count} claims` : `${count} of ${rows.length} claims`;
    for (const link of all(".tally a")) {
      if (verdict.size === 1 && verdict.has(link.dataset.filter)) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }

  function sort(by) {
    order = by;
    if (orders[by]) {
      sorted.append(...[...rows].sort(orders[by]));
      table.append(sorted);
      bodies.forEach((body) => { body.remove(); });
    } else {
      sorted.remove();
      table.append(...bodies);
      rows.forEach((row) => { home.get(row).append(row); });
    }
  }

  function query() {
    const parameters = new URLSearchParams();
    if (chosen().size) parameters.set("verdict", [...chosen()].join(","));
    for (const name of ["experiment", "text", "sort"]) {
      if (form.elements[name].value) parameters.set(name, form.elements[name].value);
    }
    return parameters.toString().replaceAll("%2C", ",");
  }

  function read(hash) {
    const parameters = new URLSearchParams(hash);
    const verdict = new Set((parameters.get("verdict") || "").split(","));
    all("input[name=verdict]", form).forEach((box) => { box.checked = verdict.has(box.value); });
    for (const name of ["experiment", "text", "sort"]) form.elements[name].value = parameters.get(name) || "";
    for (const select of all("select", form)) if (select.selectedIndex < 0) select.selectedIndex = 0;
    apply();
  }

  function follow() {
    const hash = decodeURIComponent(location.hash.slice(1));
    if (hash.startsWith("?")) {
      read(hash.slice(1));
      return;
    }
    const target = hash && document.getElementById(hash);
    if (!target) return;
    // a link to a claim that is filtered away shows it
    if (target.closest(".away, [hidden]") || $(":scope > .away", target)) {
      read("");
    }
    for (let node = target; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
    target.scrollIntoView();
  }

  const unfold = $("button.unfold", form);
  unfold.addEventListener("click", () => {
    const open = unfold.textContent.startsWith("Open");
    sections.forEach((section) => { $(".whole", section).open = open; });
    unfold.textContent = `${open ? "Close" : "Open"} all sections`;
  });

  form.hidden = false;
  form.addEventListener("submit", (event) => { event.preventDefault(); });
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    read("");
    history.replaceState(null, "", location.pathname + location.search);
  });
  form.addEventListener("input", () => {
    apply();
    const text = query();
    history.replaceState(null, "", text ? `#?${text}` : location.pathname + location.search);
  });
  addEventListener("hashchange", follow);
  apply();
  follow();
})();
