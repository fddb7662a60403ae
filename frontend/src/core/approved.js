// Which mask of a series is the approved one, and what is to be said of the one that is shown.

/** The id of the mask that the last review approves, or null. @param {{is_approval: boolean, annotation: string|null}|null} review */
export function approvedBy(review) {
  return review?.is_approval ? review.annotation : null;
}

/**
 * @param {{id: string|null, created_at: string}[]} masks those with an id are saved
 * @returns {{newer: T|null, approved: T|null}} `newer`: the approved one is shown, and this one was made after it;
 *   `approved`: another one is shown
 * @template T
 */
export function besideShown(masks, approved, shown) {
  const saved = masks.filter(({ id }) => id);
  const signed = saved.find(({ id }) => id === approved);
  if (!signed || !shown) return { newer: null, approved: null };
  if (shown !== approved) return { newer: null, approved: signed };
  const newest = saved.reduce((best, one) => (Date.parse(one.created_at) > Date.parse(best.created_at) ? one : best), signed);
  return { newer: newest === signed ? null : newest, approved: null };
}
