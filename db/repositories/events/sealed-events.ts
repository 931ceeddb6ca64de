import { cloudEventSubject, propertiesSubject } from '../../../src/domain/personal-data/event-content.ts';
import { parseSealedField, toSealedField } from '../../../src/domain/personal-data/field-sealer.ts';
import type { Database, Statement } from '../../client.ts';
import type { ResealedRow, SealedRow, SealedRows } from '../../sealed-rows.ts';

/** Events that one statement looks at; the content of those that another key has sealed is read. */
const PAGE = 500;

/** The sealed text of a column, where another key than `$1` has sealed it. */
function ofOtherKey(column: string): string {
  return `CASE WHEN jsonb_typeof(${column}) = 'string' AND split_part(${column} #>> '{}', ':', 2) <> $1
    THEN ${column} #>> '{}' END`;
}

const LIST_LOGGED: Statement = {
  name: 'list_events_of_other_keys',
  text: `
SELECT e.partition, e.sequence, e.received_at AS "receivedAt", e.tenant_id AS "tenantId", e.event_id AS "eventId",
  ${ofOtherKey('e.properties')} AS properties, ${ofOtherKey('e.cloud_event')} AS "cloudEvent"
FROM events.raw_events e WHERE (e.partition, e.sequence) > ($2::smallint, $3::bigint)
ORDER BY e.partition, e.sequence LIMIT $4`,
};

/** Calls the function of the migration `0011_sealed_content`, because the log refuses every other change. */
const REPLACE_LOGGED: Statement = {
  name: 'replace_sealed_events',
  text: `SELECT events.replace_sealed($1) AS replaced`,
};

const LIST_FAILED: Statement = {
  name: 'list_failed_events_of_other_keys',
  text: `
SELECT f.consumer, f.partition, f.sequence, f.tenant_id AS "tenantId", f.event_id AS "eventId",
  ${ofOtherKey('f.properties')} AS properties
FROM events.failed_events f WHERE (f.consumer, f.partition, f.sequence) > ($2, $3::smallint, $4::bigint)
ORDER BY f.consumer, f.partition, f.sequence LIMIT $5`,
};

const REPLACE_FAILED: Statement = {
  name: 'replace_sealed_failed_events',
  text: `
UPDATE events.failed_events f SET properties = to_jsonb(r.anew)
FROM jsonb_to_recordset($1::jsonb) AS r (consumer text, partition smallint, sequence bigint, old text, anew text)
WHERE f.consumer = r.consumer AND f.partition = r.partition AND f.sequence = r.sequence AND f.properties = to_jsonb(r.old)
RETURNING f.sequence`,
};

interface Logged {
  readonly partition: number;
  readonly sequence: number;
  readonly receivedAt: Date;
  readonly tenantId: string;
  readonly eventId: string;
  readonly properties: string | null;
  readonly cloudEvent: string | null;
}

type LoggedPlace = readonly [partition: number, sequence: number, receivedAt: string, column: string];

/** What the log keeps of what producers sent. */
export function createSealedEvents(db: Database): SealedRows {
  const replaceColumn = async (rows: readonly ResealedRow[], column: string): Promise<number> => {
    const changes = rows.flatMap(({ place, anew }) => {
      const [partition, sequence, receivedAt, of] = JSON.parse(place) as LoggedPlace;
      return of === column ? [{ partition, sequence, received_at: receivedAt, [column]: toSealedField(anew) }] : [];
    });
    if (changes.length === 0) return 0;
    const [row] = await db.run<{ replaced: number }>(REPLACE_LOGGED, [JSON.stringify(changes)]);
    return row?.replaced ?? 0;
  };
  return {
    list: async (keyId, after) => {
      const [partition, sequence] = after === null ? [-1, 0] : (JSON.parse(after) as [number, number]);
      const found = await db.run<Logged & { [column: string]: unknown }>(LIST_LOGGED, [
        keyId,
        partition,
        sequence,
        PAGE,
      ]);
      const last = found.at(-1);
      const isEnd = last === undefined || found.length < PAGE;
      return { rows: found.flatMap(sealedOf), next: isEnd ? null : JSON.stringify([last.partition, last.sequence]) };
    },
    // Each column has a statement of its own, because an UPDATE changes a row once.
    replace: async (rows) => (await replaceColumn(rows, 'properties')) + (await replaceColumn(rows, 'cloud_event')),
  };
}

function sealedOf(event: Logged): SealedRow[] {
  const { partition, sequence, receivedAt } = event;
  const columns = [
    { column: 'properties', about: propertiesSubject(event), stored: event.properties },
    { column: 'cloud_event', about: cloudEventSubject(event), stored: event.cloudEvent },
  ];
  return columns.flatMap(({ column, about, stored }) => {
    const sealed = stored === null ? null : parseSealedField(stored);
    const place: LoggedPlace = [partition, sequence, receivedAt.toISOString(), column];
    return sealed === null ? [] : [{ place: JSON.stringify(place), about, sealed }];
  });
}

type FailedPlace = readonly [consumer: string, partition: number, sequence: number];

interface Failed {
  readonly consumer: string;
  readonly partition: number;
  readonly sequence: number;
  readonly tenantId: string;
  readonly eventId: string;
  readonly properties: string | null;
}

/** The copies of failed events, which stay longer than the log. */
export function createSealedFailedEvents(db: Database): SealedRows {
  return {
    list: async (keyId, after) => {
      const place: FailedPlace = after === null ? ['', 0, 0] : (JSON.parse(after) as FailedPlace);
      const found = await db.run<Failed & { [column: string]: unknown }>(LIST_FAILED, [keyId, ...place, PAGE]);
      const rows = found.flatMap((event) => {
        const sealed = event.properties === null ? null : parseSealedField(event.properties);
        return sealed === null ? [] : [{ place: placeOf(event), about: propertiesSubject(event), sealed }];
      });
      const last = found.at(-1);
      return { rows, next: last === undefined || found.length < PAGE ? null : placeOf(last) };
    },
    replace: async (rows) => {
      const changes = rows.map(({ place, sealed, anew }) => {
        const [consumer, partition, sequence] = JSON.parse(place) as FailedPlace;
        return { consumer, partition, sequence, old: toSealedField(sealed), anew: toSealedField(anew) };
      });
      return (await db.run(REPLACE_FAILED, [JSON.stringify(changes)])).length;
    },
  };
}

function placeOf({ consumer, partition, sequence }: Failed): string {
  return JSON.stringify([consumer, partition, sequence] satisfies FailedPlace);
}
