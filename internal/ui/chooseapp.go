package ui

import (
	"net/http"
	"net/url"
	"strings"
)

// chooseApplication is the field of a form in which one is chosen: from a list if there are
// few, or by its id or uid, as whatever was given that is not listed.
func (v *visit) chooseApplication(name, label, none string) (field, error) {
	f, err := v.applicationField(label, none)
	if err != nil {
		return f, err
	}
	f.Name = name
	given := v.given(name)
	choose := func(id string) (listed bool) {
		for i := range f.Options {
			f.Options[i].Chosen = f.Options[i].Value == id
			listed = listed || f.Options[i].Chosen
		}
		return listed
	}
	if f.Kind == "select" && choose(given) {
		return f, nil
	}
	if f.Kind == "select" && v.reaches("GET /app/{app}") {
		var app applicationOut
		err := v.read(&app, "/app/"+url.PathEscape(given))
		if _, refused := isRefused(err); err != nil && !refused {
			return f, err
		}
		if err == nil && choose(app.ID) {
			return f, nil
		}
	}
	return field{Name: name, Label: label, Kind: "text", Code: true, Value: given, Hint: "Its id or uid."}, nil
}

// anApplication is chooseApplication where one has to be.
func (v *visit) anApplication() (field, error) {
	f, err := v.chooseApplication("app", "Application", "Choose one")
	f.Required = true
	return f, err
}

// atField has a refusal of what a form names stand beside its field: the API says of which
// noun there is none.
func atField(told *refusal) *refusal {
	if told.Status != http.StatusNotFound || len(told.Fields) > 0 {
		return told
	}
	for noun, name := range map[string]string{"application": "app", "endpoint": "endpoint"} {
		if strings.HasPrefix(told.Detail, "There is no "+noun+" ") {
			return &refusal{Status: http.StatusUnprocessableEntity, Detail: told.Detail, Fields: map[string]string{name: told.Detail}}
		}
	}
	return told
}

// chooseForSource leads to where a source of an application is made.
func chooseForSource(v *visit) error {
	if v.said("app") == "" {
		return v.showSources(http.StatusUnprocessableEntity, wrongField("app", "Say of which application."))
	}
	at := "/app/" + url.PathEscape(v.said("app"))
	err := v.read(nil, at)
	if told, ok := isRefused(err); ok && told.Status == http.StatusNotFound {
		told = atField(told)
		return v.showSources(told.Status, told)
	}
	if err != nil {
		return err
	}
	return v.to(at+"/source/new", "")
}
