-- The highest sequence that a cursor has reached has the name that such a mark usually has.
ALTER TABLE "events"."cursors" RENAME COLUMN "furthest" TO "high_water_mark";
