// Small conveniences, and the start of the verifier; every page works without them. No storage, nothing about the visitor
// leaves the page; the verifier asks this server for the lot's proof and the anchors.

const main = document.querySelector("main");

/** Give every digest and command a button that copies it. */
function addCopyButtons() {
  if (!navigator.clipboard) return;
  for (const element of document.querySelectorAll(".hashes code, [data-copyable]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = main.dataset.copy;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(element.textContent);
      button.textContent = main.dataset.copied;
      setTimeout(() => (button.textContent = main.dataset.copy), 1500);
    });
    (element.closest("a") ?? element).after(button); // never a button inside a link
  }
}

/** Show the reader's own local time on hover; the page itself speaks China Standard Time. */
function addLocalTimes() {
  const language = document.documentElement.lang;
  for (const element of document.querySelectorAll("time[datetime]")) {
    const when = new Date(element.dateTime);
    if (!Number.isNaN(when.valueOf())) {
      element.title = when.toLocaleString(language, { dateStyle: "medium", timeStyle: "long" });
    }
  }
}

/** Open a closed section that a link points into, so that the target can be seen. */
function openTarget() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let node = target; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
}

/** Load the verifier once the page is there and idle; on metered connections when the section is first looked at. */
function checkBundle() {
  const section = document.getElementById("browser-check");
  if (!section) return;
  const begin = () =>
    import(`${section.dataset.modules}page.mjs`).catch(() => {
      section.querySelector('[data-part="result"]').textContent = section.dataset.broken;
    });
  const idle = globalThis.requestIdleCallback ?? setTimeout;
  const watcher = new IntersectionObserver((seen) => {
    if (seen.some((entry) => entry.isIntersecting)) watcher.disconnect(), begin();
  });
  const ready = () => (navigator.connection?.saveData ? watcher.observe(section) : idle(begin));
  if (document.readyState === "complete") ready();
  else addEventListener("load", ready);
}

addCopyButtons();
addLocalTimes();
openTarget();
checkBundle();
addEventListener("hashchange", openTarget);
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details:not([open])")) details.dataset.closed = "", (details.open = true);
});
addEventListener("afterprint", () => {
  for (const details of document.querySelectorAll("details[data-closed]")) delete details.dataset.closed, (details.open = false);
});
