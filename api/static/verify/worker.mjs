// The argument in a worker, so that the page stays responsive. In: {bundle, anchors} (bytes, anchors may be null).
// Out, in order: {lot}, {step} for each step, {end}; or {refused: {file, reason, field}} for a file that is none.

import { judge } from "./judge.mjs";

onmessage = ({ data }) => {
  for (const message of judge(data.bundle, data.anchors)) postMessage(message);
};
