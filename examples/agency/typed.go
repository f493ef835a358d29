package agency

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// typed is the record of a report as the page sends it. With an error it is as far as
// it could be read.
func (a *Agency) typed(r *http.Request, f *Form) (*Record, error) {
	rec := &Record{FormID: f.ID}
	p := problems{}
	var long *http.MaxBytesError
	switch err := r.ParseMultipartForm(maxPhoto + maxBody); {
	case errors.As(err, &long):
		return rec, err
	case err != nil && !errors.Is(err, http.ErrNotMultipart): // without a photo it need not be
		p.add("base", "the form could not be read")
	}
	rec.Latitude = degrees(r, "latitude", p)
	rec.Longitude = degrees(r, "longitude", p)
	if status := r.PostFormValue("status"); status != "" {
		rec.Status = &status
	}
	if to := r.PostFormValue("assigned_to_id"); to != "" {
		rec.AssignedToID = &to
	}
	for i := range f.Elements {
		value, err := a.typedValue(r, &f.Elements[i])
		if err != nil {
			return rec, err
		}
		if value == nil {
			continue
		}
		if err := rec.Set(f.Elements[i].Key, value); err != nil {
			return rec, err
		}
	}
	if len(p) > 0 {
		return rec, &InvalidError{recordKind.name, p}
	}
	return rec, nil
}

// degrees reads a number that may be left out.
func degrees(r *http.Request, name string, p problems) *float64 {
	text := strings.TrimSpace(r.PostFormValue(name))
	if text == "" {
		return nil
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n != n || n > 180 || n < -180 {
		p.add(name, "is not a number of degrees such as 44.43")
		return nil
	}
	return &n
}

// typedValue is what was given for e; nil: nothing.
func (a *Agency) typedValue(r *http.Request, e *Element) (any, error) {
	name := "value-" + e.Key
	text := strings.TrimSpace(r.PostFormValue(name))
	other := strings.TrimSpace(r.PostFormValue("other-" + e.Key))
	switch e.Type {
	case PhotoField:
		return a.typedPhoto(r, name)
	case ClassificationField:
		if text != "" {
			return Chosen{Choices: strings.Split(text, pathMark), Others: []string{}}, nil
		}
	case ChoiceField:
		switch {
		case other != "":
			return Chosen{Choices: []string{}, Others: []string{other}}, nil
		case text != "":
			return Chosen{Choices: []string{text}, Others: []string{}}, nil
		}
	default:
		if text != "" {
			return text, nil
		}
	}
	return nil, nil
}

// typedPhoto stores the photo that was given; nil: there is none.
func (a *Agency) typedPhoto(r *http.Request, name string) (any, error) {
	file, header, err := r.FormFile(name)
	if err != nil || header.Size == 0 {
		return nil, nil // a photo may be left out
	}
	defer file.Close()
	image, err := io.ReadAll(io.LimitReader(file, maxPhoto+1))
	if err != nil {
		return nil, err
	}
	id, err := a.AddPhoto(r.Context(), "", image)
	if err != nil {
		return nil, err
	}
	return []PhotoValue{{PhotoID: id, Caption: ""}}, nil
}
