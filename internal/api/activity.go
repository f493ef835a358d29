package api

import "time"

// activityRoutes are for admins alone: they say how much business is done here.
func (s *server) activityRoutes() []*route {
	return []*route{
		on("GET /stats/activity", "List how much has happened in each quarter of an hour of the last eight days, by all servers; those in which nothing has are left out",
			listActivity,
			param{name: "since", kind: "time", doc: "Only quarters of an hour that begin at this time or later."},
			param{name: "until", kind: "time", doc: "Only quarters of an hour that begin before this time."}),
	}
}

type tallyOut struct {
	Begins    time.Time `json:"begins" doc:"When the quarter of an hour does."`
	Accepted  int64     `json:"accepted" doc:"Messages that were accepted."`
	Delivered int64     `json:"delivered" doc:"Deliveries that succeeded."`
	GivenUp   int64     `json:"givenUp" doc:"Deliveries that were given up."`
	Failed    int64     `json:"failed" doc:"Attempts that failed."`
}

// listActivity has no pages: there are 769 at most.
func listActivity(c *call, _ *none) (*list[tallyOut], error) {
	since, until := c.time("since"), c.time("until")
	if err := c.mistakes(); err != nil {
		return nil, err
	}
	all, err := c.hub.Tallies(c.r.Context(), since, until)
	if err != nil {
		return nil, err
	}
	out := &list[tallyOut]{Data: []tallyOut{}, Done: true}
	for _, t := range all {
		out.Data = append(out.Data, tallyOut(t))
	}
	return out, nil
}
