package agency

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Record is what was seen, as a form asks for it.
type Record struct {
	Head
	FormID      string `json:"form_id"`
	FormVersion int    `json:"form_version"` // that the record was last checked against

	Status    *string  `json:"status"`
	Latitude  *float64 `json:"latitude"`
	Longitude *float64 `json:"longitude"`
	Altitude  *float64 `json:"altitude"`
	Accuracy  *float64 `json:"horizontal_accuracy"` // meters

	AssignedTo      *string `json:"assigned_to"` // a member's name
	AssignedToID    *string `json:"assigned_to_id"`
	AssignedToEmail *string `json:"assigned_to_email"`
	AssignedToPhone *string `json:"assigned_to_phone"`
	CreatedBy       string  `json:"created_by"`
	CreatedByID     string  `json:"created_by_id"`
	UpdatedBy       string  `json:"updated_by"`
	UpdatedByID     string  `json:"updated_by_id"`

	ClientCreatedAt time.Time `json:"client_created_at"` // when it was seen
	ClientUpdatedAt time.Time `json:"client_updated_at"`

	FormValues map[string]json.RawMessage `json:"form_values"` // by the keys of the form's elements
}

// Chosen is the value of a ChoiceField or ClassificationField.
type Chosen struct {
	Choices []string `json:"choice_values"`
	Others  []string `json:"other_values"`
}

// A PhotoValue is one of the value of a PhotoField.
type PhotoValue struct {
	PhotoID string `json:"photo_id"`
	Caption string `json:"caption"`
}

func (*Record) kind() *kind    { return recordKind }
func (r *Record) form() string { return r.FormID }

// Text is the value of a TextField or YesNoField; "": there is none.
func (r *Record) Text(key string) string {
	var text string
	json.Unmarshal(r.FormValues[key], &text) // what is something else has no text
	return text
}

// Set sets the value of an element: a string, a Chosen or a list of PhotoValue.
func (r *Record) Set(key string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	if r.FormValues == nil {
		r.FormValues = map[string]json.RawMessage{}
	}
	r.FormValues[key] = text
	return nil
}

// office is who changes things unless a member does.
const office = "The office"

// stamp notes who has created r, unless somebody has, and who changes it.
func (r *Record) stamp(a *Agency, c Cause) {
	r.UpdatedBy, r.UpdatedByID = office, ""
	if m := a.member(c.By); m != nil {
		r.UpdatedBy, r.UpdatedByID = m.Name, m.ID
	}
	if r.CreatedBy == "" {
		r.CreatedBy, r.CreatedByID = r.UpdatedBy, r.UpdatedByID
	}
}

// keep takes over from the record before what an update cannot change, or does not say.
func (r *Record) keep(old *Record) {
	r.CreatedBy, r.CreatedByID = old.CreatedBy, old.CreatedByID
	r.FormID = old.FormID
	if r.Status == nil {
		r.Status = old.Status
	}
	if r.ClientCreatedAt.IsZero() {
		r.ClientCreatedAt = old.ClientCreatedAt
	}
	if r.ClientUpdatedAt.IsZero() {
		r.ClientUpdatedAt = old.ClientUpdatedAt
	}
	if r.FormValues == nil {
		r.FormValues = old.FormValues
	}
}

func (a *Agency) member(id string) *Member {
	if i := slices.IndexFunc(a.members, func(m Member) bool { return m.ID == id }); i >= 0 {
		return &a.members[i]
	}
	return nil
}

func (r *Record) check(ctx context.Context, a *Agency, tx *sql.Tx, p problems) error {
	f := &Form{}
	switch err := into(ctx, tx, f, r.FormID); {
	case r.FormID == "":
		p.add("form_id", "can't be blank")
		return nil
	case errors.Is(err, ErrNotFound):
		p.add("form_id", "does not exist")
		return nil
	case err != nil:
		return err
	}
	r.FormVersion = f.Version
	r.checkStatus(f, p)
	r.checkPlace(p)
	r.assign(a, p)
	if r.ClientCreatedAt.IsZero() {
		r.ClientCreatedAt = r.CreatedAt
	}
	if r.ClientUpdatedAt.IsZero() {
		r.ClientUpdatedAt = r.ClientCreatedAt
	}
	if r.FormValues == nil {
		r.FormValues = map[string]json.RawMessage{}
	}
	for key, value := range r.FormValues {
		p.must(slices.ContainsFunc(f.Elements, func(e Element) bool { return e.Key == key }), "form_values."+key, "is no element of the form")
		if string(value) == "null" {
			delete(r.FormValues, key)
		}
	}
	for i := range f.Elements {
		if err := r.checkValue(ctx, tx, &f.Elements[i], p); err != nil {
			return err
		}
	}
	return nil
}

func (r *Record) checkStatus(f *Form, p problems) {
	if f.StatusField == nil {
		p.must(r.Status == nil, "status", "is not what records of this form have")
		return
	}
	if r.Status == nil {
		r.Status = &f.StatusField.Choices[0].Value
	}
	p.must(among(f.StatusField.Choices, *r.Status), "status", "is not included in the list")
}

func among(choices []Choice, value string) bool {
	return slices.ContainsFunc(choices, func(c Choice) bool { return c.Value == value })
}

func (r *Record) checkPlace(p problems) {
	p.must((r.Latitude == nil) == (r.Longitude == nil), "latitude", "and longitude go together")
	p.must(r.Latitude == nil || *r.Latitude >= -90 && *r.Latitude <= 90, "latitude", "must be from -90 to 90")
	p.must(r.Longitude == nil || *r.Longitude >= -180 && *r.Longitude <= 180, "longitude", "must be from -180 to 180")
}

// assign fills in who the member is that the record is assigned to.
func (r *Record) assign(a *Agency, p problems) {
	r.AssignedTo, r.AssignedToEmail, r.AssignedToPhone = nil, nil, nil
	if r.AssignedToID == nil {
		return
	}
	if *r.AssignedToID == "" {
		r.AssignedToID = nil
		return
	}
	m := a.member(*r.AssignedToID)
	if m == nil {
		p.add("assigned_to_id", "is no member")
		return
	}
	r.AssignedTo, r.AssignedToEmail, r.AssignedToPhone = &m.Name, &m.Email, &m.Phone
}

func (r *Record) checkValue(ctx context.Context, tx *sql.Tx, e *Element, p problems) error {
	field := "form_values." + e.Key
	value, given := r.FormValues[e.Key]
	if !given {
		p.must(!e.Required, field, e.Label+" can't be blank")
		return nil
	}
	switch e.Type {
	case TextField, YesNoField:
		e.checkString(value, field, p)
		return nil
	case PhotoField:
		return checkPhotos(ctx, tx, e, value, field, p)
	}
	var chosen Chosen
	if json.Unmarshal(value, &chosen) != nil {
		p.add(field, `must be {"choice_values":[…],"other_values":[…]}`)
		return nil
	}
	choices, err := e.choices(ctx, tx)
	if errors.Is(err, ErrNotFound) { // it was deleted since, and what was chosen of it stays
		return nil
	}
	p.must(!e.Required || len(chosen.Choices)+len(chosen.Others) > 0, field, e.Label+" can't be blank")
	p.must(e.AllowOther || len(chosen.Others) == 0, field, "nothing else may be chosen")
	for _, other := range chosen.Others {
		checkText(p, field, other, maxName)
	}
	if e.Type == ClassificationField {
		p.must(len(chosen.Choices) == 0 || among(choices, strings.Join(chosen.Choices, pathMark)), field, "is not included in the set")
		return err
	}
	p.must(e.Multiple || len(chosen.Choices)+len(chosen.Others) <= 1, field, "only one may be chosen")
	for _, one := range chosen.Choices {
		p.must(among(choices, one), field, "is not included in the list")
	}
	return err
}

func (e *Element) checkString(value json.RawMessage, field string, p problems) {
	var text string
	if json.Unmarshal(value, &text) != nil {
		p.add(field, "must be a string")
		return
	}
	p.must(!e.Required || strings.TrimSpace(text) != "", field, e.Label+" can't be blank")
	p.must(len(text) <= maxText, field, fmt.Sprintf("is too long (at most %d bytes)", maxText))
	if e.Numeric && text != "" {
		_, err := strconv.ParseFloat(text, 64)
		p.must(err == nil, field, e.Label+" is not a number")
	}
	p.must(e.Type != YesNoField || text == "" || text == "yes" || text == "no", field, "must be yes or no")
}

func checkPhotos(ctx context.Context, tx *sql.Tx, e *Element, value json.RawMessage, field string, p problems) error {
	var photos []PhotoValue
	if json.Unmarshal(value, &photos) != nil {
		p.add(field, `must be [{"photo_id":…,"caption":…}]`)
		return nil
	}
	p.must(!e.Required || len(photos) > 0, field, e.Label+" can't be blank")
	p.must(len(photos) <= 20, field, "there may be 20 at most")
	for _, photo := range photos[:min(len(photos), 20)] {
		var is bool
		if err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM photo WHERE id = $1)`, photo.PhotoID).Scan(&is); err != nil {
			return err
		}
		p.must(is, field, "there is no photo "+photo.PhotoID+"; upload it first")
		p.must(len(photo.Caption) <= maxText, field, "a caption is too long")
	}
	return nil
}
