// The connection, and what the visitor must know about it.

//: Seconds without a message or picture that are noticed, and without a message until the page connects again.
const LATE = 2.5, GIVE_UP = 10;

//: Seconds between two attempts to connect: the first ones, and at most.
const SHORTEST = 0.5, LONGEST = 5;

/** What the page says for each answer of a server that takes no WebSocket. */
const REFUSALS = {
  403: ["address not valid", "This address is not valid any more. Ask for the new one."],
  503: ["all places taken", "As many are watching as the server allows. This page gets in when one of them leaves."],
  426: ["refused", "The server refuses this page, or a proxy in between does not pass WebSockets."],
};

const seconds = () => performance.now() / 1000;

let socket = null;
let connected = false; // the server has sent something on this socket
let ended = false; // the server has closed the last one properly
let refusal = null; // one of `REFUSALS`
let triedAt = 0, heardAt = seconds(), seenAt = seconds(); // the last attempt, message and picture
let silent = 0; // seconds without a picture at the server, as it reported last
let gaps = [0, 0]; // seconds before the last picture, and before the one ahead of it
let pictures = Source ? "h264" : "jpeg";
let wait = SHORTEST;

function place() {
  const url = new URL("live", location.href);
  url.search = location.search; // holds the token
  url.searchParams.set("pictures", pictures);
  return url;
}

function connect() {
  const url = place();
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  const mine = (socket = new WebSocket(url));
  let opened = false;
  triedAt = seconds();
  mine.binaryType = "arraybuffer";
  mine.onopen = () => { opened = true; wait = SHORTEST; };
  mine.onmessage = ({ data }) => {
    if (mine !== socket) return;
    heardAt = seconds();
    if (!connected) seenAt = heardAt;
    [connected, ended, refusal] = [true, false, null];
    receive(data);
  };
  mine.onclose = ({ code }) => {
    if (mine !== socket) return;
    ended ||= connected && code === 1001;
    disconnect();
    if (!opened) askWhy();
    connectLater();
  };
}

function receive(data) {
  if (typeof data !== "string") {
    gaps = [seconds() - seenAt, gaps[0]];
    seenAt = seconds();
    return player?.push(data);
  }
  const message = JSON.parse(data);
  if (message.type === "state") {
    silent = message.silent;
    return showState(message);
  }
  try {
    begin(message);
  } catch {
    fallBack();
  }
}

function disconnect() {
  const mine = socket;
  [socket, connected] = [null, false];
  mine?.close();
}

function connectLater() {
  setTimeout(() => { if (!socket && !document.hidden) connect(); }, 1000 * wait);
  wait = Math.min(LONGEST, 2 * wait);
}

/** Browsers tell no page why a WebSocket was refused; a plain request of the same address does. */
async function askWhy() {
  try {
    refusal = REFUSALS[(await fetch(place(), { cache: "no-store" })).status] ?? null;
  } catch {
    refusal = null;
  }
}

/** Ask for JPEGs instead of a video that this browser does not play. */
function fallBack() {
  if (pictures === "jpeg") return;
  pictures = "jpeg";
  disconnect();
  connect();
}

/** Return how things are: a class, a status, an explanation if it is not as it should be, and since how long. */
function condition() {
  const unheard = seconds() - heardAt, unseen = seconds() - seenAt, noPicture = silent + unheard;
  const late = Math.max(LATE, 2 * Math.min(...gaps)); // some cameras send a picture every few seconds
  const live = frame === null || frame.latency !== null;
  if (refusal) return ["trouble", ...refusal];
  if (ended) {
    const what = live ? "The live picture" : "The video";
    return ["ended", "ended", `${what} has ended. This page goes on by itself if it is started again.`];
  }
  if (!connected && unheard < LATE) return ["waiting", "connecting", drawn ? "" : "Connecting"];
  if (!connected || unheard > LATE) {
    return ["trouble", "server not reachable", "The server does not answer. This page tries again by itself.", unheard];
  }
  if (noPicture > late) {
    const [status, who] = live ? ["camera silent", "The camera"] : ["no new picture", "The server"];
    return ["trouble", status, `${who} sends no pictures. This page goes on by itself when it does.`, noPicture];
  }
  if (unseen > late) return ["trouble", "connection too slow", "This connection is too slow for the pictures.", unseen];
  if (!drawn) return ["waiting", "connected", "Waiting for the first picture"];
  if (held) return ["paused", "on hold", ""];
  if (player?.lag) return ["paused", `replay, ${Math.round(player.lag)} s ago`, ""];
  return ["live", live ? "live" : "playing", ""];
}

function showCondition() {
  const [kind, status, explanation, since] = condition();
  if (at("status").textContent !== status) at("status").textContent = status; // screen readers say each change
  at("status").className = kind;
  at("since").textContent = since ? `for ${Math.floor(since)} s` : "";
  at("stage").classList.toggle("stale", kind === "trouble" && !held);
  at("figures").hidden = kind !== "live" && kind !== "paused"; // they are those of the last picture
  at("message").textContent = explanation;
  at("message").hidden = !explanation;
}

setInterval(() => {
  if (socket && seconds() - Math.max(heardAt, triedAt) > GIVE_UP) {
    disconnect();
    connectLater();
  }
  showCondition();
}, 250);

// Nobody sees a hidden page: it leaves its place, and the encoder's time, to others.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return disconnect();
  heardAt = seconds();
  if (!socket) connect();
});

video.addEventListener("error", fallBack);
