// A photo that the server has, fetched with the key: <img> could send no header.
import { useEffect, useState } from "preact/hooks";
import { getBlob } from "../api.mjs";
import { html } from "../html.mjs";
import { t } from "../i18n.mjs";
import { Icon } from "../icons.mjs";
import { useBlobUrl } from "./photo.mjs";

// path: like faces/ID/photo; query: like {crop: "face", size: 160}.
export function StoredPhoto({ path, query, alt = "" }) {
  const [{ blob, failed }, setFetched] = useState({});
  useEffect(() => {
    const stop = new AbortController();
    setFetched({});
    getBlob(path, query, { signal: stop.signal }).then(
      (fetched) => setFetched({ blob: fetched }),
      (problem) => problem.name !== "AbortError" && setFetched({ failed: true }),
    );
    return () => stop.abort();
  }, [path]);
  const url = useBlobUrl(blob);
  if (failed) return html`<span class="no-photo" role="img" aria-label=${t("photo.none")}><${Icon} name="people" /></span>`;
  return url ? html`<img class="stored" src=${url} alt=${alt} />` : html`<span class="no-photo" aria-busy="true"></span>`;
}

export const FaceCrop = ({ faceId, size = 160, alt }) => html`
  <${StoredPhoto} path=${`faces/${encodeURIComponent(faceId)}/photo`} query=${{ crop: "face", size }} alt=${alt} />
`;
