import { APP, commandsTest, OTHER_PLACES, placeTest } from "../support/cli/unreadable_places.ts";

OTHER_PLACES.forEach(placeTest);

[`${APP}/v1/record.json`, "journal.jsonl", "leases"].forEach(commandsTest);
