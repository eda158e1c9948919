// A decision in words first; the icon and the colour say the same again. kind: match, ambiguous, unknown, unreliable.
import { html } from "../html.mjs";
import { Icon } from "../icons.mjs";

export const Verdict = ({ kind, title, children }) => html`
  <section class="verdict ${kind}">
    <${Icon} name=${kind} />
    <div>
      <h2>${title}</h2>
      ${children}
    </div>
  </section>
`;

// Around what changes while somebody waits for it, so that it is read out. It stands there before its content does.
export const Announced = ({ busy = false, children }) => html`
  <div aria-live="polite" aria-busy=${busy}>${children}</div>
`;
