// The approved mask is the one that is opened, and whatever is beside it is named.
import assert from "node:assert/strict";
import { test } from "node:test";

import { approvedBy, besideShown } from "../src/core/approved.js";

const [OLD, SIGNED, NEW] = ["old", "signed", "new"].map((id, n) => ({ id, created_at: `2026-01-0${n + 1}T00:00:00Z` }));
const DRAWN = { id: null };

test("only a last word that approves names an approved mask", () => {
  assert.equal(approvedBy(null), null);
  assert.equal(approvedBy({ is_approval: false, annotation: "old" }), null);
  assert.equal(approvedBy({ is_approval: true, annotation: "old" }), "old");
});

test("a newer mask beside the approved one is named, whatever the order of the list", () => {
  for (const masks of [
    [NEW, SIGNED, OLD],
    [SIGNED, OLD, NEW, DRAWN],
  ])
    assert.deepEqual(besideShown(masks, "signed", "signed"), { newer: NEW, approved: null });
  assert.deepEqual(besideShown([SIGNED, OLD], "signed", "signed"), { newer: null, approved: null });
});

test("beside any other mask the approved one is named", () => {
  for (const shown of ["new", "old"]) assert.deepEqual(besideShown([NEW, SIGNED, OLD], "signed", shown), { newer: null, approved: SIGNED });
});

test("without an approved mask, or one that may be seen, nothing is said", () => {
  for (const approved of [null, "hidden"]) assert.deepEqual(besideShown([NEW, OLD], approved, "new"), { newer: null, approved: null });
  assert.deepEqual(besideShown([SIGNED, DRAWN], "signed", null), { newer: null, approved: null });
});
