// What can be done with a person as a whole: each opens a dialog. What the key may not do is not there.
import { useState } from "preact/hooks";
import { html } from "../../html.mjs";
import { t } from "../../i18n.mjs";
import { Icon } from "../../icons.mjs";
import { lazy } from "../../lazy.mjs";
import { session } from "../../session.mjs";

const DIALOGS = {
  rename: { scope: "enroll", Dialog: lazy(() => import("./rename.mjs"), "Rename") },
  merge: { scope: "enroll", Dialog: lazy(() => import("./merge.mjs"), "Merge") },
  export: { scope: "admin", Dialog: lazy(() => import("./export.mjs"), "Export") },
  erase: { scope: "erase", icon: "erase", look: "danger", Dialog: lazy(() => import("./erase.mjs"), "Erase") },
};

export function Actions({ person, onChanged, onEnd }) {
  const [open, setOpen] = useState(null);
  const allowed = Object.entries(DIALOGS).filter(([, { scope }]) => session.get().may(scope));
  const chosen = DIALOGS[open];
  return html`
    <div class="row">
      ${allowed.map(([name, { icon, look }]) => html`
        <button type="button" class=${look ? `button ${look}` : "button"} onClick=${() => setOpen(name)}>
          ${icon && html`<${Icon} name=${icon} />`}${t(`people.do_${name}`)}
        </button>
      `)}
    </div>
    ${chosen && html`<${chosen.Dialog} person=${person} onChanged=${onChanged} onEnd=${onEnd} onClose=${() => setOpen(null)} />`}
  `;
}
