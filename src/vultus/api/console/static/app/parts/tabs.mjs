// Tabs as the ARIA Authoring Practices have them: one in the tab order, the arrow keys, Home and End go between them.
import { useId, useRef } from "preact/hooks";
import { html } from "../html.mjs";

// names: what stands on the tabs (text or markup); chosen: an index; children: the panel of the chosen one.
export function Tabs({ label, names, chosen, onChoose, children }) {
  const id = useId();
  const list = useRef();
  const move = (event) => {
    const ahead = document.documentElement.dir === "rtl" ? "ArrowLeft" : "ArrowRight";
    const last = names.length - 1;
    const steps = { Home: 0, End: last, [ahead]: chosen + 1, [ahead === "ArrowLeft" ? "ArrowRight" : "ArrowLeft"]: chosen - 1 };
    if (!(event.key in steps)) return;
    event.preventDefault();
    const next = (steps[event.key] + names.length) % names.length;
    onChoose(next);
    list.current.children[next].focus();
  };
  return html`
    <div class="tabs">
      <div role="tablist" aria-label=${label} ref=${list} onKeyDown=${move}>
        ${names.map((name, i) => html`
          <button key=${i} type="button" role="tab" id="${id}-${i}" aria-selected=${i === chosen} aria-controls="${id}-panel"
            tabindex=${i === chosen ? 0 : -1} onClick=${() => onChoose(i)}>${name}</button>
        `)}
      </div>
      <div role="tabpanel" id="${id}-panel" aria-labelledby="${id}-${chosen}">${children}</div>
    </div>
  `;
}
