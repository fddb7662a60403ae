// One WebSocket that stays: it opens again by itself after the server, the broker or the network was away.
//
// The server sends a snapshot first and then changes, each with the whole state, so a lost message costs nothing.
const CLOSED_FOR_GOOD = new Set([4401, 4403, 4404]);
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;

/** `onMessage(data)`, `onLost()` when the connection breaks and `onRefused(code)` when there is no way back. */
export class LiveSocket {
  constructor(path, { onMessage, onLost = () => {}, onRefused = () => {}, silenceMs = 20_000 }) {
    this.path = path;
    this.on = { message: onMessage, lost: onLost, refused: onRefused };
    this.silenceMs = silenceMs;
    this.attempts = 0;
    this.ended = false;
  }

  start() {
    const wake = () => this.reconnectNow();
    window.addEventListener("online", wake);
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && wake());
    window.addEventListener("pageshow", (event) => event.persisted && wake());
    this.connect();
  }

  stop() {
    this.ended = true;
    clearTimeout(this.silence);
    clearTimeout(this.timer);
    this.socket?.close();
  }

  connect() {
    clearTimeout(this.timer);
    this.timer = null;
    const address = new URL(this.path, window.location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(address);
    this.socket = socket;
    socket.addEventListener("message", (event) => this.receive(socket, event.data));
    socket.addEventListener("close", (event) => this.closed(socket, event.code));
    this.watchSilence(socket);
  }

  receive(socket, text) {
    if (socket !== this.socket || this.ended) return;
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      return;
    }
    this.attempts = 0;
    this.watchSilence(socket);
    this.on.message(message);
  }

  /** A half-dead connection never says that it is closed, nor that it will never be open. */
  watchSilence(socket) {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => {
      if (socket !== this.socket) return;
      socket.close();
      this.closed(socket, 1006);
    }, this.silenceMs);
  }

  closed(socket, code) {
    if (socket !== this.socket || this.ended) return;
    clearTimeout(this.silence);
    this.socket = null;
    if (CLOSED_FOR_GOOD.has(code)) {
      this.ended = true;
      this.on.refused(code);
      return;
    }
    const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.attempts);
    this.attempts += 1;
    this.on.lost();
    this.timer = setTimeout(() => this.connect(), longest / 2 + (Math.random() * longest) / 2);
  }

  reconnectNow() {
    if (!this.ended && this.timer) this.connect();
  }
}
