// Names many faces to a call that takes so many at a time; its answers.
import { post } from "../../api.mjs";

const MOST = 100; // ids that one call takes

export async function postEach(path, ids, options) {
  const answers = [];
  for (let from = 0; from < ids.length; from += MOST) {
    answers.push(await post(path, { ids: ids.slice(from, from + MOST), ...options }));
  }
  return answers;
}
