// The page of all cameras: state once a second, thumbnails every two seconds.

//: Milliseconds between two questions, and between two thumbnails.
const EVERY = 1000, PICTURES = 2000;

//: What a state is called here.
const STATES = {
  live: "live", starting: "starting", silent: "no pictures", waiting: "waits to start again", off: "off by schedule",
  stopped: "stopped",
};

const at = (id) => document.getElementById(id);
const cards = new Map();
let heard = performance.now();

/** An address below this page, with the token. */
function address(path) {
  const url = new URL(path, location.href);
  url.search = location.search;
  return url;
}

function card(name) {
  const made = at("card").content.firstElementChild.cloneNode(true);
  made.dataset.camera = name;
  for (const link of made.querySelectorAll("a")) link.href = address(`camera/${name}/`);
  made.querySelector(".name").textContent = name;
  made.querySelector(".picture").setAttribute("aria-label", `${name}: before and after`);
  return made;
}

function ago(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 129600 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} days`;
}

function figures(camera) {
  const parts = [`${camera.fps.toFixed(0)} frames/s`];
  if (camera.latency) parts.push(`${Math.round(1000 * camera.latency[0])} ms`);
  parts.push(`${camera.dropped} dropped`);
  if (camera.size) parts.push(camera.size.join("x"));
  if (camera.restarts) parts.push(`${camera.restarts} restarts`);
  return parts.join(" · ");
}

function light(camera) {
  const parts = [];
  if (camera.brightness != null) parts.push(`brightness ${(100 * camera.brightness).toFixed(0)} %`);
  if (camera.noise != null) parts.push(`noise ${camera.noise.toFixed(1)}`);
  if (camera.gain != null) parts.push(`gain ${camera.gain.toFixed(1)}`);
  if (camera.note) parts.push(camera.note);
  return parts.join(" · ");
}

function show(camera, now) {
  let made = cards.get(camera.name);
  if (!made) cards.set(camera.name, (made = card(camera.name)));
  const state = made.querySelector(".state");
  state.className = `state ${camera.state}`;
  const since = camera.state === "live" || camera.state === "off" ? "" : ` for ${ago(now - camera.since)}`;
  state.textContent = (STATES[camera.state] ?? camera.state) + since;
  made.classList.toggle("stale", camera.state !== "live");
  made.querySelector(".figures").textContent = figures(camera);
  made.querySelector(".light").textContent = light(camera);
  const error = made.querySelector(".error");
  error.hidden = !camera.last_error;
  if (camera.last_error) error.textContent = `${ago(now - camera.last_error_at)} ago: ${camera.last_error}`;
  return made;
}

async function ask() {
  try {
    const answer = await fetch(address("state"), { signal: AbortSignal.timeout(4000) });
    if (!answer.ok) throw new Error(answer.status === 403 ? "this address is not valid any more" : answer.statusText);
    const { cameras, time } = await answer.json();
    heard = performance.now();
    const shown = cameras.map((camera) => show(camera, time));
    for (const name of cards.keys()) if (!cameras.some((camera) => camera.name === name)) cards.delete(name);
    const main = at("cameras");
    if (shown.length !== main.children.length || shown.some((made, place) => main.children[place] !== made)) {
      main.replaceChildren(...shown);
    }
    const live = cameras.filter((camera) => camera.state === "live").length;
    say(`${live} of ${cameras.length} live`, live < cameras.filter((camera) => camera.state !== "off").length);
  } catch (error) {
    const silence = (performance.now() - heard) / 1000;
    if (silence > 2.5) {
      say(`server not reachable for ${ago(silence)}`, true);
      for (const made of cards.values()) made.classList.add("stale");
    }
  }
  setTimeout(ask, EVERY);
}

function say(text, bad) {
  at("summary").textContent = text;
  at("summary").classList.toggle("bad", bad);
}

function renew() {
  if (!document.hidden) for (const [name, made] of cards) picture(name, made.querySelector("img"));
  setTimeout(renew, PICTURES);
}

function picture(name, shown) {
  const url = address(`thumbnail/${name}.jpg`), next = new Image();
  url.searchParams.set("at", Date.now());
  next.onload = () => { [shown.src, shown.hidden, shown.alt] = [next.src, false, `${name}, enhanced`]; };
  next.src = url;
}

ask();
setTimeout(renew, EVERY / 2);
