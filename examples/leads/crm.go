package leads

import (
	"encoding/json"
	"net/http"
	"sync"
)

// A CRM is a small system of customers, as one would stand for a large one: it has an
// API, POST and GET /api/leads, and creates no lead twice that has the same external_id.
type CRM struct {
	mu    sync.Mutex
	leads []crmLead
}

// crmLead is a lead in the CRM's words, which are not the form's.
type crmLead struct {
	ExternalID string `json:"external_id"`
	Account    string `json:"account"`
	Email      string `json:"email"`
	Note       string `json:"note"`
}

// maxCRM is how many leads the CRM has room for.
const maxCRM = 10_000

// Leads are how many there are.
func (c *CRM) Leads() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.leads)
}

func (c *CRM) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path != "/api/leads":
		http.NotFound(w, r)
	case r.Method == http.MethodGet:
		c.mu.Lock()
		text, err := json.Marshal(c.leads)
		c.mu.Unlock()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Write(text)
	case r.Method == http.MethodPost:
		var lead crmLead
		err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&lead)
		if err != nil || lead.ExternalID == "" || lead.Account == "" {
			http.Error(w, "A lead needs external_id and account.", http.StatusUnprocessableEntity)
			return
		}
		w.WriteHeader(c.add(lead))
	default:
		w.Header().Set("Allow", "GET, POST")
		http.Error(w, "GET or POST leads.", http.StatusMethodNotAllowed)
	}
}

func (c *CRM) add(lead crmLead) (status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.leads {
		if c.leads[i].ExternalID == lead.ExternalID {
			c.leads[i] = lead
			return http.StatusOK
		}
	}
	if len(c.leads) == maxCRM {
		return http.StatusInsufficientStorage
	}
	c.leads = append(c.leads, lead)
	return http.StatusCreated
}
