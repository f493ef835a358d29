package agency

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A Form is what the office designs: which values a record has.
type Form struct {
	Head
	Name        string    `json:"name"`
	Description string    `json:"description"`
	StatusField *Statuses `json:"status_field,omitempty"` // nil: records have none
	Elements    []Element `json:"elements"`
}

// Statuses are those that a record may have. It begins with the first.
type Statuses struct {
	Choices []Choice `json:"choices"`
}

// A Choice is one of several.
type Choice struct {
	Label string `json:"label"`
	Value string `json:"value"`
}

// The types of elements, and what a value of each is in a record's form_values.
const (
	TextField           = "TextField"           // a string
	YesNoField          = "YesNoField"          // "yes" or "no"
	ChoiceField         = "ChoiceField"         // Chosen
	ClassificationField = "ClassificationField" // Chosen, from the outermost to the innermost
	PhotoField          = "PhotoField"          // a list of PhotoValue
)

var elementTypes = []string{TextField, YesNoField, ChoiceField, ClassificationField, PhotoField}

// An Element is one field of a form.
type Element struct {
	Type     string `json:"type"`
	Key      string `json:"key"`       // of its value in form_values: four of 0-9 and a-f
	Label    string `json:"label"`     // as people read it
	DataName string `json:"data_name"` // as programs do
	Required bool   `json:"required"`
	Numeric  bool   `json:"numeric,omitempty"` // a TextField's string is a number

	Choices             []Choice `json:"choices,omitempty"`               // of a ChoiceField
	ChoiceListID        string   `json:"choice_list_id,omitempty"`        // or where its choices are
	Multiple            bool     `json:"multiple,omitempty"`              // there may be several
	AllowOther          bool     `json:"allow_other,omitempty"`           // or something else
	ClassificationSetID string   `json:"classification_set_id,omitempty"` // of a ClassificationField
}

// A ChoiceList is choices that several forms have.
type ChoiceList struct {
	Head
	Name    string   `json:"name"`
	Choices []Choice `json:"choices"`
}

// A ClassificationSet is choices that lead to further ones.
type ClassificationSet struct {
	Head
	Name  string           `json:"name"`
	Items []Classification `json:"items"`
}

// A Classification is one of a set, with those within it.
type Classification struct {
	Label    string           `json:"label"`
	Value    string           `json:"value"`
	Children []Classification `json:"child_classifications,omitempty"`
}

func (*Form) kind() *kind              { return formKind }
func (*ChoiceList) kind() *kind        { return choiceListKind }
func (*ClassificationSet) kind() *kind { return classificationSetKind }

func (*Form) form() string              { return "" }
func (*ChoiceList) form() string        { return "" }
func (*ClassificationSet) form() string { return "" }

// Bounds of what is given.
const (
	maxName    = 200  // bytes
	maxText    = 4000 // bytes of a value or a description
	maxMany    = 200  // elements, choices
	maxNesting = 5
)

var elementKey = regexp.MustCompile(`^[0-9a-f]{4}$`)

// checkText adds a problem unless text is of 1 to most bytes.
func checkText(p problems, field, text string, most int) {
	switch {
	case strings.TrimSpace(text) == "":
		p.add(field, "can't be blank")
	case len(text) > most:
		p.add(field, "is too long (at most %d bytes)", most)
	}
}

func (f *Form) check(ctx context.Context, a *Agency, tx *sql.Tx, p problems) error {
	checkText(p, "name", f.Name, maxName)
	p.must(len(f.Description) <= maxText, "description", "is too long")
	if f.StatusField != nil {
		checkChoices(p, "status_field", f.StatusField.Choices)
	}
	if f.Elements == nil {
		f.Elements = []Element{}
	}
	p.must(len(f.Elements) <= maxMany, "elements", fmt.Sprintf("there may be %d at most", maxMany))
	seen := map[string]bool{}
	for i := range f.Elements {
		e := &f.Elements[i]
		at := fmt.Sprintf("elements[%d]", i)
		p.must(slices.Contains(elementTypes, e.Type), at+".type", "is none of "+strings.Join(elementTypes, ", "))
		p.must(elementKey.MatchString(e.Key), at+".key", "must be four of 0-9 and a-f")
		p.must(!seen[e.Key], at+".key", "is there twice")
		seen[e.Key] = true
		checkText(p, at+".label", e.Label, maxName)
		checkText(p, at+".data_name", e.DataName, maxName)
		if err := e.checkSource(ctx, tx, p, at); err != nil {
			return err
		}
	}
	return nil
}

// checkSource looks for where e's choices come from.
func (e *Element) checkSource(ctx context.Context, tx *sql.Tx, p problems, at string) error {
	switch {
	case e.Type == ChoiceField && e.ChoiceListID == "":
		checkChoices(p, at+".choices", e.Choices)
	case e.Type == ChoiceField:
		return exists(ctx, tx, p, at+".choice_list_id", choiceListKind, e.ChoiceListID)
	case e.Type == ClassificationField:
		return exists(ctx, tx, p, at+".classification_set_id", classificationSetKind, e.ClassificationSetID)
	}
	return nil
}

// exists adds a problem unless there is a resource of that id.
func exists(ctx context.Context, tx *sql.Tx, p problems, field string, k *kind, id string) error {
	var is bool
	err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM resource WHERE kind = $1 AND id = $2)`, k.name, id).Scan(&is)
	p.must(is, field, "does not exist")
	return err
}

func checkChoices(p problems, field string, choices []Choice) {
	p.must(len(choices) > 0, field, "can't be blank")
	p.must(len(choices) <= maxMany, field, fmt.Sprintf("there may be %d at most", maxMany))
	seen := map[string]bool{}
	for i, c := range choices {
		checkText(p, fmt.Sprintf("%s[%d].label", field, i), c.Label, maxName)
		checkText(p, fmt.Sprintf("%s[%d].value", field, i), c.Value, maxName)
		p.must(!seen[c.Value], fmt.Sprintf("%s[%d].value", field, i), "is there twice")
		seen[c.Value] = true
	}
}

func (l *ChoiceList) check(_ context.Context, _ *Agency, _ *sql.Tx, p problems) error {
	checkText(p, "name", l.Name, maxName)
	checkChoices(p, "choices", l.Choices)
	return nil
}

func (s *ClassificationSet) check(_ context.Context, _ *Agency, _ *sql.Tx, p problems) error {
	checkText(p, "name", s.Name, maxName)
	p.must(len(s.Items) > 0, "items", "can't be blank")
	checkItems(p, "items", s.Items, 1)
	return nil
}

func checkItems(p problems, field string, items []Classification, depth int) {
	p.must(depth <= maxNesting || len(items) == 0, field, "are nested too deep")
	p.must(len(items) <= maxMany, field, fmt.Sprintf("there may be %d at most", maxMany))
	if len(p) > 0 {
		return
	}
	for i, item := range items {
		checkText(p, fmt.Sprintf("%s[%d].label", field, i), item.Label, maxName)
		checkText(p, fmt.Sprintf("%s[%d].value", field, i), item.Value, maxName)
		checkItems(p, fmt.Sprintf("%s[%d].child_classifications", field, i), item.Children, depth+1)
	}
}

// choices are what people may choose of for e, with what leads there.
func (e *Element) choices(ctx context.Context, q querier) ([]Choice, error) {
	switch {
	case e.Type == ClassificationField:
		set := &ClassificationSet{}
		if err := into(ctx, q, set, e.ClassificationSetID); err != nil {
			return nil, err
		}
		return paths(set.Items, ""), nil
	case e.ChoiceListID != "":
		list := &ChoiceList{}
		err := into(ctx, q, list, e.ChoiceListID)
		return list.Choices, err
	}
	return e.Choices, nil
}

// pathMark stands between the values on the way to a classification, where the way is
// one string.
const pathMark = " / "

// paths are the ways to all of the items.
func paths(items []Classification, before string) []Choice {
	var all []Choice
	for _, item := range items {
		way := before + item.Value
		all = append(all, Choice{way, way})
		all = append(all, paths(item.Children, way+pathMark)...)
	}
	return all
}

// into reads the resource of that id into r.
func into(ctx context.Context, q querier, r Resource, id string) error {
	body, err := bodyIn(ctx, q, r.kind(), id)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, r)
}
