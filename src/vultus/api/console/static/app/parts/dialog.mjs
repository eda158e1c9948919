// A dialog over the page: the browser's own, which keeps the focus inside, closes on Escape and gives the focus back.
import { useEffect, useId, useRef } from "preact/hooks";
import { html } from "../html.mjs";
import { t } from "../i18n.mjs";
import { Icon } from "../icons.mjs";

export function Dialog({ title, onClose, children }) {
  const dialog = useRef();
  const id = useId();
  useEffect(() => {
    dialog.current.showModal();
    return () => dialog.current?.close();
  }, []);
  return html`
    <dialog ref=${dialog} aria-labelledby=${id} onCancel=${(event) => (event.preventDefault(), onClose())}>
      <div class="dialog-head">
        <h2 id=${id}>${title}</h2>
        <button type="button" class="button quiet" aria-label=${t("dialog.close")} onClick=${onClose}><${Icon} name="close" /></button>
      </div>
      ${children}
    </dialog>
  `;
}
