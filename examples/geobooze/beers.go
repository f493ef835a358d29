package geobooze

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"
)

// abvs are what Beers knows, by name in small letters.
var abvs = map[string]float64{
	"old granddad": 40, "house ale": 4.8, "night porter": 6.1, "oatmeal stout": 5.5, "plain lager": 4.9,
}

// Beers is a service that knows how strong some drinks are: GET /beers?name=house+ale is
// answered {"name":"house ale","abv":4.8}, and what it does not know without abv.
type Beers struct {
	asked atomic.Int64
}

// Asked is how often it was asked.
func (b *Beers) Asked() int { return int(b.asked.Load()) }

func (b *Beers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/beers" {
		http.NotFound(w, r)
		return
	}
	b.asked.Add(1)
	name := r.URL.Query().Get("name")
	said := map[string]any{"name": name}
	if abv, ok := abvs[strings.ToLower(strings.TrimSpace(name))]; ok {
		said["abv"] = abv
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(said) // who does not read it, does not
}
