import type { SealedText } from '../../../src/domain/personal-data/text-sealer.ts';
import type { Database, Statement } from '../../client.ts';
import type { SealedRows } from '../../sealed-rows.ts';

/** Orders that one statement looks at, in some ten milliseconds. */
const PAGE = 2_000;

const LIST_CONTACTS: Statement = {
  name: 'list_contacts_of_other_keys',
  text: `
SELECT order_id AS "orderId", CASE WHEN sealed_contact ->> 'keyId' <> $1 THEN sealed_contact END AS "sealedContact"
FROM orders.orders WHERE order_id > $2 ORDER BY order_id LIMIT $3`,
};

/** What stands beside the box, whether there is a phone number, stays. */
const REPLACE_CONTACTS: Statement = {
  name: 'replace_sealed_contacts',
  text: `
UPDATE orders.orders o SET sealed_contact = o.sealed_contact || r.anew
FROM jsonb_to_recordset($1::jsonb) AS r (place text, box text, anew jsonb)
WHERE o.order_id = r.place AND o.sealed_contact ->> 'box' = r.box
RETURNING o.order_id`,
};

/** The contact data of orders. */
export function createSealedContacts(db: Database): SealedRows {
  return {
    list: async (keyId, after) => {
      const found = await db.run<{ orderId: string; sealedContact: SealedText | null }>(LIST_CONTACTS, [
        keyId,
        after ?? '',
        PAGE,
      ]);
      const rows = found.flatMap(({ orderId, sealedContact }) =>
        sealedContact === null ? [] : [{ place: orderId, about: orderId, sealed: sealedContact }],
      );
      return { rows, next: found.length < PAGE ? null : (found.at(-1)?.orderId ?? null) };
    },
    replace: async (rows) => {
      const changes = rows.map(({ place, sealed: { box }, anew }) => ({ place, box, anew }));
      return (await db.run(REPLACE_CONTACTS, [JSON.stringify(changes)])).length;
    },
  };
}
