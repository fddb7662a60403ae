// In which order slices will be needed.

/** Around slice `z`, at most `most` of them: two ahead in reading direction (1 or -1) for each one behind. */
export function readingOrder(z, direction, depth, most) {
  const order = [z];
  let ahead = 1;
  let behind = 1;
  while (order.length < most && (inside(z + ahead * direction, depth) || inside(z - behind * direction, depth))) {
    for (const step of [ahead, ahead + 1]) push(order, z + step * direction, depth);
    push(order, z - behind * direction, depth);
    ahead += 2;
    behind += 1;
  }
  return order.slice(0, most);
}

function inside(z, depth) {
  return z >= 0 && z < depth;
}

function push(order, z, depth) {
  if (inside(z, depth)) order.push(z);
}
