package agency

import (
	"context"
	"encoding/json"

	"github.com/fanfarehq/fanfare"
)

// The file and the table of a [Mirror].
const (
	MirrorFile  = "agency.db"
	MirrorTable = "reports"
)

// Mirror keeps a table of what reports of bear attacks say, by an endpoint of the kind
// sqlite: a row for each, as it is now.
func Mirror(ctx context.Context, a *Agency) (*fanfare.Endpoint, error) {
	const data, values = "{{payload.data.", "{{payload.data.form_values."
	number := func(value string) map[string]string { return map[string]string{"value": value, "type": "number"} }
	return a.Connect(ctx, &fanfare.Endpoint{
		UID: "mirror", Kind: "sqlite", Description: "A table of all reports", EventTypes: records,
	}, map[string]any{
		"file": MirrorFile, "table": MirrorTable, "key": data + "id}}", "version": data + "version}}", "delete": `payload.type == "record.delete"`,
		"columns": map[string]any{
			"version": map[string]string{"value": data + "version}}", "type": "integer"}, "status": data + "status}}", "assigned_to": data + "assigned_to}}",
			"latitude": number(data + "latitude}}"), "longitude": number(data + "longitude}}"), "updated_at": data + "updated_at}}",
			"what": values + KeyWhat + "}}", "bear": values + KeySpecies + ".choice_values.join(' / ')}}", "injured": values + KeyInjured + "}}",
		},
	})
}

var records = []string{"record.create", "record.update", "record.delete"}

// becomes is a filter for reports of bear attacks whose member of that name has become
// something, be it at once.
func becomes(member, condition string) string {
	return `payload.data.form_id == "` + BearAttackForm + `" && payload.data.` + member + " " + condition +
		` && (payload.type == "record.create" || changed("` + member + `"))`
}

// MailManager has a mail written to that address, through an SMTP server on this machine,
// when a report needs immediate attention. The page is where reports are read.
func MailManager(ctx context.Context, a *Agency, server, to, page string) (*fanfare.Endpoint, error) {
	return a.Connect(ctx, &fanfare.Endpoint{
		UID: "manager", Kind: "smtp", Description: "Mail to the manager", EventTypes: records[:2],
		Filter: becomes("status", `== "`+StatusUrgent+`"`),
	}, map[string]any{
		"server": server, "security": "none", "from": "Bear Attacks <reports@agency.example>", "to": to,
		"subject": "A report needs immediate attention",
		"text":    "{{payload.data.form_values." + KeyWhat + "}}\n\nFiled by {{payload.data.created_by}}.\n" + page + "/records/{{payload.data.id}}\n",
	})
}

// PushAssignee has a push sent to whom a report is assigned to, by Pushbullet or what
// is at that address in its place.
func PushAssignee(ctx context.Context, a *Agency, pushbullet, token, page string) (*fanfare.Endpoint, error) {
	return a.Connect(ctx, &fanfare.Endpoint{
		UID: "assignee", Kind: "pushbullet", Description: "A push to whom it is assigned to", EventTypes: records[:2],
		Filter: becomes("assigned_to_id", "!= null"),
	}, map[string]any{
		"url": pushbullet, "accessToken": token, "email": "{{payload.data.assigned_to_email}}",
		"title": "Dispatch", "text": "{{payload.data.form_values." + KeyWhat + "}}", "link": page + "/records/{{payload.data.id}}",
	})
}

// Connect makes an endpoint of the agency's application, with that config.
func (a *Agency) Connect(ctx context.Context, ep *fanfare.Endpoint, config map[string]any) (_ *fanfare.Endpoint, err error) {
	if ep.Application, err = a.application(ctx); err != nil {
		return nil, err
	}
	if ep.Config, err = json.Marshal(config); err != nil {
		return nil, err
	}
	return ep, a.hub.CreateEndpoint(ctx, ep)
}
