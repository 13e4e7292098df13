// Everything is defined: begin.

if (typeof DecompressionStream === "undefined") {
  say("This browser is too old for the map: it needs Firefox 113, Chrome 103, Safari 16.4, or later.");
} else {
  start();
}
