// What helps, and nothing that is needed: the page works without this.
"use strict";

(() => {
  const root = document.documentElement;
  root.classList.add("script");
  const $ = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // Sections were anchors of one page once: `#history` leads to the section's own address.
  const follow = () => {
    const name = location.hash.slice(1);
    const link = all("[data-section]").find((link) => link.dataset.section === name);
    if (link && !document.getElementById(name)) location.replace(link.href);
  };
  addEventListener("hashchange", follow);
  follow();
  // The sections do not fit on a phone: the current one is in sight.
  const sections = $("header nav ul");
  const current = $("[aria-current]", sections ?? document);
  if (sections && current) sections.parentElement.scrollLeft = current.offsetLeft - sections.parentElement.clientWidth / 2;

  // To the content, without leaving the section.
  $(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    $("#main").focus();
  });

  // Prices without a reload.
  const result = $("#result");
  let latest = 0;
  const ask = async (form, parts) => {
    const query = new URLSearchParams(new FormData(form));
    const mine = ++latest;
    result.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch("appraisal?" + query, { headers: { accept: "text/html" } });
      if (!answer.ok) throw new Error(answer.status);
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (mine !== latest) return;
      for (const part of parts) {
        const old = $(part, result);
        const now = $(part, fresh);
        if (old && now) old.replaceWith(now);
        else if (part === null || !old || !now) result.replaceChildren(...fresh.body.childNodes);
      }
      if (parts.length === 0) {
        result.replaceChildren(...fresh.body.childNodes);
        history.replaceState(null, "", "?" + query);
        if (matchMedia("(max-width: 860px)").matches) result.scrollIntoView({ block: "start" });
      }
    } catch {
      // The address answers without a script, too.
      form.submit();
    } finally {
      if (mine === latest) result.removeAttribute("aria-busy");
    }
  };

  addEventListener("submit", (event) => {
    const form = event.target;
    if (!result || (form.id !== "home" && form.id !== "what-if")) return;
    event.preventDefault();
    ask(form, form.id === "home" ? [] : ["#price", "#why", "#now"]);
  });

  let waiting;
  addEventListener("input", (event) => {
    const slider = event.target;
    if (slider.type !== "range") return;
    const output = $("output[for='" + CSS.escape(slider.id) + "']");
    const unit = output.dataset.unit;
    const words = JSON.parse(output.dataset.words || "{}");
    const number = words[slider.value] ?? Number(slider.value).toLocaleString(root.lang, { maximumFractionDigits: 4, useGrouping: !/yr_|year/.test(slider.name) });
    output.textContent = number + (unit ? " " + unit : "");
    clearTimeout(waiting);
    waiting = setTimeout(() => ask(slider.form, ["#price", "#why", "#now"]), 150);
  });

  // Tables: a click on a column sorts the rows that are there; a search leaves those that have the text.
  const number = (text) => {
    const digits = root.lang === "es" ? text.replaceAll(".", "").replace(",", ".") : text.replaceAll(",", "");
    const found = digits.replace("\u2212", "-").match(/-?\d+(\.\d+)?/);
    return found ? Number(found[0]) : NaN;
  };
  const key = (row, column) => {
    const cell = row.cells[column];
    const time = $("time", cell);
    if (time) return Date.parse(time.dateTime);
    const text = cell.textContent.trim();
    return cell.matches(".number, th") && !Number.isNaN(number(text)) ? number(text) : text;
  };
  const before = (a, b) => {
    if (typeof a === "number" && typeof b === "number") return a - b;
    if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
    return a.localeCompare(b, root.lang);
  };
  const sort = (table, column, header) => {
    const down = header.getAttribute("aria-sort") === "ascending";
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [key(row, column), row]);
    rows.sort(([a], [b]) => (down ? before(b, a) : before(a, b)));
    body.append(...rows.map(([, row]) => row));
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
  };
  const equip = () => {
    for (const table of all("table[data-sort]")) {
      const few = !table.tBodies[0] || table.tBodies[0].rows.length < 2;
      [...table.tHead.rows[0].cells].forEach((header, column) => {
        if (few || $("button", header) || !header.textContent.trim() || header.matches("[data-unsorted]")) return;
        const button = document.createElement("button");
        button.type = "button";
        button.className = "sort";
        button.append(...header.childNodes);
        button.addEventListener("click", () => sort(table, column, header));
        header.append(button);
      });
    }
    for (const tool of all("[data-search], [data-unfold]")) tool.hidden = false;
  };
  equip();
  addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-unfold]");
    if (!button) return;
    document.getElementById(button.dataset.unfold).classList.remove("folded");
    button.parentElement.remove();
  });
  addEventListener("input", (event) => {
    const field = event.target.closest?.("[data-search]");
    if (!field) return;
    const table = document.getElementById(field.dataset.search);
    const wanted = field.value.trim().toLowerCase();
    $("[data-unfold]", table.parentElement)?.click();
    for (const row of table.tBodies[0].rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  });

  // Changes in production, and decisions about batches. The browser sends along who signed in, where that is wanted.
  const dialog = $("#move");
  let move = null;
  const reveal = () => {
    for (const button of all("button[data-address]")) button.hidden = false;
  };
  reveal();
  addEventListener("click", (event) => {
    const button = event.target.closest?.("button[data-address]");
    if (!button || !dialog) return;
    move = button;
    $("#move-title", dialog).textContent = (root.lang === "es" ? "¿" : "") + button.textContent + "?";
    $(".what", dialog).textContent = button.dataset.what;
    const content = document.getElementById(button.dataset.about).content.cloneNode(true);
    $(".consequences", dialog).replaceChildren(content);
    // A version that lost takes more than a click.
    const number = $("#move-number", dialog);
    const lost = "lost" in button.dataset;
    number.value = "";
    number.required = lost;
    number.pattern = button.dataset.version ?? "";
    number.closest(".field").hidden = !lost;
    $(".error", dialog).textContent = "";
    dialog.showModal();
  });
  dialog?.addEventListener("submit", async (event) => {
    if (event.submitter?.value !== "confirm") return;
    event.preventDefault();
    const fields = event.target.elements;
    const headers = { "content-type": "application/json" };
    const body = JSON.parse(move.dataset.body);
    if (fields.reason.value.trim()) body.reason = fields.reason.value.trim();
    event.submitter.disabled = true;
    try {
      const answer = await fetch(move.dataset.address, { method: "POST", headers, body: JSON.stringify(body) });
      if (answer.ok) {
        location.reload();
        return;
      }
      const problem = await answer.json().catch(() => ({}));
      $(".error", dialog).textContent = problem.detail || problem.title || String(answer.status);
    } catch (error) {
      $(".error", dialog).textContent = String(error);
    } finally {
      event.submitter.disabled = false;
    }
  });

  // A file that is too large is refused before it is sent.
  const file = $("input[type=file][data-max]");
  file?.addEventListener("change", () => {
    const size = file.files[0]?.size ?? 0;
    file.setCustomValidity(size > Number(file.dataset.max) ? file.dataset.message : "");
    file.reportValidity();
  });

  // What runs: asked again while the page is in sight, soon while something runs. When a run has ended, what is
  // shown of it is loaded again; what somebody reads or fills in stays.
  const parsed = async (address) => {
    const answer = await fetch(address, { headers: { accept: "text/html" } });
    return answer.status === 200 ? new DOMParser().parseFromString(await answer.text(), "text/html") : null;
  };
  const renew = async () => {
    const fresh = await parsed(location.pathname + location.search);
    if (!fresh || dialog?.open) return;
    for (const section of all("main > section")) {
      const now = fresh.getElementById(section.id);
      const isBusy = $("details[open], #home", section) || section.contains(document.activeElement);
      if (now && !isBusy) section.replaceChildren(...now.childNodes);
    }
    reveal();
    equip();
  };
  let renewals = 0;
  const watch = async () => {
    try {
      const strip = $("#live");
      const now = document.hidden ? null : $("#live", (await parsed("page/live")) ?? document.createElement("p"));
      // Twice: a new model is served a moment after its run has ended.
      if (now && now.dataset.ended !== strip.dataset.ended) renewals = 2;
      if (now && now.outerHTML !== strip.outerHTML) strip.replaceWith(now);
      if (renewals > 0) {
        renewals -= 1;
        await renew();
      }
    } catch {
      // The next time.
    }
    setTimeout(watch, $("#live").classList.contains("running") ? 1500 : 10000);
  };
  if ($("#live")) setTimeout(watch, 1500);
})();
