// The section “checked in your browser” of a lot's page: fetches bundle and anchors, shows each step as it is decided,
// and lets the reader put files from elsewhere in their place. All words are in the page; nothing is sent anywhere.

import { Refusal, hex } from "./bytes.mjs";
import { CONTRACTS, parseAnchors } from "./anchors.mjs";

const section = document.getElementById("browser-check");
const find = (name) => section.querySelector(`[data-part="${name}"]`);
const say = (name, values = {}) =>
  section.dataset[name].replace(/\{(\w+)\}/g, (place, key) => (key in values ? String(values[key]) : place));

const TONES = { ok: "ok", assumed: "warn", failed: "bad", "not-reached": "info" };
const own = { bundle: null, anchors: null }; // as this server sent them
const chosen = { bundle: null, anchors: null }; // files of the reader's; they come first
let run = 0;

async function fetched(address) {
  const answer = await fetch(address, { credentials: "omit", headers: { accept: "application/json" } });
  if (!answer.ok) throw new Error(`${answer.status}`);
  return new Uint8Array(await answer.arrayBuffer());
}

/** The messages of one check: from a worker, or from here in pieces where there is none. */
async function* messages(bundle, anchors) {
  let worker;
  try {
    worker = new Worker(new URL("worker.mjs", import.meta.url), { type: "module" });
  } catch {
    worker = null;
  }
  if (worker) {
    const queue = [];
    let wake = () => {};
    worker.onmessage = ({ data }) => (queue.push(data), wake());
    worker.onerror = (event) => (queue.push({ broken: event.message ?? "" }), wake());
    worker.postMessage({ bundle, anchors });
    try {
      for (;;) {
        while (!queue.length) await new Promise((resolve) => (wake = resolve));
        const message = queue.shift();
        if ("broken" in message) break; // such as an old browser without module workers
        yield message;
        if (message.end || message.refused) return;
      }
    } finally {
      worker.terminate();
    }
  }
  yield { again: true };
  const { judge } = await import("./judge.mjs");
  for (const message of judge(bundle, anchors)) {
    yield message;
    await new Promise((resolve) => setTimeout(resolve));
  }
}

function show(name, tone, text) {
  const element = find(name);
  element.className = `note ${tone}`;
  element.textContent = text;
  element.hidden = !text;
}

function mark(line, outcome, why = []) {
  line.className = TONES[outcome];
  line.querySelector(".mark").setAttribute("aria-label", section.dataset[`outcome-${outcome}`.replace(/-(\w)/g, (_, c) => c.toUpperCase())]);
  line.querySelector(".why").replaceChildren(...why);
}

function line(id) {
  return section.querySelector(`[data-step="${id}"]`);
}

function technical(reason, field) {
  const code = document.createElement("code");
  code.lang = "en";
  code.textContent = field ? `${reason} · ${field}` : reason;
  return code;
}

/** Check what is chosen, else what the server sent, and show it step by step. */
async function check() {
  const mine = ++run;
  const bundle = chosen.bundle ?? own.bundle, anchors = chosen.anchors ?? own.anchors;
  const clear = () => section.querySelectorAll("[data-step]").forEach((each) => mark(each, "not-reached"));
  clear();
  show("refused", "bad", "");
  show("result", "", say("running", { n: 0 }));
  let lot = null, failed = null;
  for await (const message of messages(bundle, anchors)) {
    if (mine !== run) return; // the reader has started another check
    if (message.again) clear();
    if (message.lot) lot = message.lot;
    if (message.step) {
      const { id, number, outcome, reason, field } = message.step;
      const why = outcome === "failed" ? [line(id).dataset.meaning + " ", technical(reason, field)] : [];
      mark(line(id), outcome, why);
      if (outcome === "failed") failed = { id, number };
      else if (!failed) show("result", "", say("running", { n: number }));
    }
    if (message.refused) {
      show("result", "bad", say(message.refused.file === "bundle" ? "badBundle" : "badAnchors"));
      find("refused").replaceChildren(technical(message.refused.reason, message.refused.field));
      find("refused").hidden = false;
    }
    if (message.end) conclude(message.end, lot, failed);
  }
  section.dataset.done = "yes";
}

function conclude({ verified }, lot, failed) {
  if (failed) {
    find("steps").open = true;
    show("result", "bad", say("fails", { n: failed.number, step: line(failed.id).querySelector("strong").textContent }));
    return;
  }
  const { gtin, lot: code } = section.dataset;
  if (!chosen.bundle && (lot.gtin !== gtin || lot.lot !== code)) {
    show("result", "bad", say("otherLot", { gtin: lot.gtin, lot: lot.lot }));
    return;
  }
  const { lot: state, height, time, witnesses } = verified;
  const language = document.documentElement.lang === "en" ? "en-GB" : document.documentElement.lang;
  const zone = { dateStyle: "medium", timeStyle: "short", timeZone: "Asia/Shanghai" }; // as everywhere on these pages
  const when = new Date(time * 1000).toLocaleString(language, zone);
  const facts = { gtin: lot.gtin, lot: lot.lot, records: state.records, submissions: state.submissions, height, when };
  const stand = witnesses.of ? say("cosigned", { k: witnesses.cosigned, n: witnesses.of }) : say("alone");
  show("result", "ok", `${say("holds", facts)} ${stand}`);
}

// ------------------------------------------------------------------------------------------------------- anchors

function facts(anchors) {
  const sm3 = (id) => `sm3:${id}`;
  return [
    [say("chain"), [String(anchors.chainId)]],
    [say("genesis"), [`0x${hex(anchors.genesis)}`]],
    [say("keys"), [...anchors.checkpointKeys.values()].map((key) => `${key.name} ${sm3(key.id)}`)],
    ...CONTRACTS.map((name) => {
      const { address, codeHash } = anchors.contracts[name];
      return [say("contract", { name }), [`0x${hex(address)}`, `keccak256:${hex(codeHash)}`]];
    }),
    [say("witnesses", { n: anchors.quorum }), [...anchors.witnesses.values()].map((one) => `${document.documentElement.lang === "en" ? one.en : one.zh} ${sm3(one.id)}`)],
    [say("authorities"), anchors.authorities.map((one) => `${document.documentElement.lang === "en" ? one.en : one.zh} ${sm3(hex(one.memberId))}`)],
  ];
}

/** Show the anchors in use; where the reader brought a file, what it says otherwise than this server. */
function showAnchors() {
  const read = (bytes) => {
    try {
      return facts(parseAnchors(bytes));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return null; // the check itself says what is wrong with the file
    }
  };
  const pinned = read(chosen.anchors ?? own.anchors), served = read(own.anchors);
  const list = find("anchors");
  list.replaceChildren();
  const differing = [];
  for (const [at, [title, values]] of (pinned ?? []).entries()) {
    const term = document.createElement("dt");
    const differs = served && JSON.stringify(served[at][1]) !== JSON.stringify(values);
    if (differs) differing.push(title);
    term.textContent = differs ? `${title} ≠` : title;
    list.append(term);
    for (const value of values.length ? values : ["–"]) {
      const code = document.createElement("code");
      code.textContent = value;
      const description = document.createElement("dd");
      description.append(code);
      list.append(description);
    }
  }
  if (!chosen.anchors) show("source", "warn", say("weak"));
  else if (!pinned || !served) show("source", "", "");
  else if (differing.length) show("source", "bad", say("differ", { list: differing.join(say("comma")) }));
  else show("source", "ok", say("same"));
}

async function choose(kind, input) {
  const [file] = input.files;
  chosen[kind] = file ? new Uint8Array(await file.arrayBuffer()) : null;
  showAnchors();
  await check();
}

async function start() {
  find("live").hidden = false;
  find("steps").open = matchMedia("(min-width: 60rem)").matches; // on a phone the count alone runs; a failure opens it
  show("result", "", say("fetching"));
  for (const kind of ["bundle", "anchors"]) {
    const input = find(`choose-${kind}`);
    input.addEventListener("change", () => choose(kind, input));
  }
  find("reset").addEventListener("click", () => {
    for (const kind of ["bundle", "anchors"]) {
      chosen[kind] = null;
      find(`choose-${kind}`).value = "";
    }
    showAnchors();
    check();
  });
  try {
    [own.bundle, own.anchors] = await Promise.all([fetched(section.dataset.bundle), fetched(section.dataset.anchors)]);
  } catch {
    show("result", "bad", say("unfetched"));
    section.dataset.done = "yes";
    return;
  }
  showAnchors();
  await check();
}

start();
