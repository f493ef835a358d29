package api

import "github.com/fanfarehq/fanfare"

type alertIn struct {
	AlertEmail string `json:"alertEmail" doc:"The address; \"\" for none."`
}

type alertOut struct {
	AlertEmail *string `json:"alertEmail" doc:"The address; null: none."`
	Mailed     bool    `json:"mailed" doc:"Whether whoever runs this has set up that mails are sent there."`
}

// alertRoutes are for the customer, who may change no more of an application.
func (s *server) alertRoutes() []*route {
	return []*route{
		on("GET /app/{app}/alert-email", "Read where an application's customer wants a mail when an endpoint fails or is disabled", readAlertEmail).needs(fanfare.ScopeReadApplications, fanfare.ManageEndpoint),
		on("PUT /app/{app}/alert-email", "Say where an application's customer wants a mail when an endpoint fails or is disabled", setAlertEmail).
			amending().needs(fanfare.ScopeWriteApplications, fanfare.ManageEndpoint).doing("application.alert-email"),
	}
}

func (c *call) showAlertEmail(app *fanfare.Application) (*alertOut, error) {
	mailed, err := c.hub.MailsAlerts(c.r.Context())
	return &alertOut{pointer(app.AlertEmail), mailed}, err
}

func readAlertEmail(c *call, _ *none) (*alertOut, error) {
	app, err := c.application()
	if err != nil {
		return nil, err
	}
	return c.showAlertEmail(app)
}

func setAlertEmail(c *call, in *alertIn) (*alertOut, error) {
	app, err := amend(c, c.application, c.showAlertEmail, func(app *fanfare.Application) error {
		app.AlertEmail = in.AlertEmail
		return c.hub.UpdateApplication(c.r.Context(), app)
	})
	if err != nil {
		return nil, err
	}
	return c.showAlertEmail(app)
}
