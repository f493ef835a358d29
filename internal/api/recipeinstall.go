package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/manifest"
)

func installRecipe(c *call, in *recipeIn) (*recipeMadeOut, error) {
	app, err := c.application()
	if err != nil {
		return nil, err
	}
	r, err := c.recipe(&in.recipeRef, false)
	if err != nil {
		return nil, err
	}
	as := in.As
	if as == "" {
		as = r.Name
	}
	if !manifest.RecipeNamed(as) {
		return nil, invalid(fieldError{[]string{"body", "as"}, "has small letters, digits and - only, 64 at most", "value_error"})
	}
	out := &recipeMadeOut{As: as, Needs: r.Needs, Sources: []*sourceOut{}, Endpoints: []*endpointOut{}, Made: r.made}
	if err := c.install(app, r, as, out); err != nil {
		return nil, err
	}
	return out, nil
}

// install makes all that r says, or nothing: what was made before something is refused
// goes again, though whoever asked may be gone.
func (c *call) install(app *fanfare.Application, r *filledRecipe, as string, out *recipeMadeOut) (err error) {
	ctx := c.r.Context()
	lasting := context.WithoutCancel(ctx)
	var undo []func() error
	defer func() {
		if err == nil {
			return
		}
		for _, u := range undo {
			if wrong := u(); wrong != nil {
				c.log.ErrorContext(ctx, "undoing a recipe", "application", app.ID, "recipe", r.Name, "error", wrong)
			}
		}
	}()
	prefix := recipeUIDs(as)
	for _, item := range r.Sources {
		src, err := c.recipeSource(app, item, prefix)
		if err == nil {
			err = c.hub.CreateSource(ctx, src)
		}
		if err != nil {
			return installed(inItem(item, err), as)
		}
		undo = append(undo, func() error { return c.hub.DeleteSource(lasting, app.ID, src.ID) })
		shown, err := c.showSource(src)
		if err != nil {
			return err
		}
		out.Sources = append(out.Sources, shown)
	}
	for _, item := range r.Endpoints {
		ep, err := c.recipeEndpoint(app, item, prefix)
		if err == nil {
			err = c.hub.CreateEndpoint(ctx, ep)
		}
		if ep != nil && ep.ID != "" {
			undo = append(undo, func() error { return c.hub.DeleteEndpoint(lasting, app.ID, ep.ID) })
		}
		if err != nil {
			return installed(inItem(item, err), as)
		}
		shown, err := c.shownEndpoint(ep)
		if err != nil {
			return err
		}
		out.Endpoints = append(out.Endpoints, shown)
	}
	return nil
}

// installed says of an uid that is taken what it means.
func installed(err error, as string) error {
	switch {
	case errors.Is(err, fanfare.ErrExists):
		p := refuse(http.StatusConflict, "conflict", "The application has a recipe "+echo(as)+" already. Remove it first, or give this one another name with as.")
		p.cause = err
		return p
	case errors.Is(err, fanfare.ErrTooMany):
		return refuse(http.StatusConflict, "conflict", "The application has "+strconv.Itoa(fanfare.MaxSources)+" sources, and there cannot be more; delete one that is not used.")
	}
	return err
}

// removeRecipe deletes endpoints before sources, so that nothing comes in that nobody
// takes.
func removeRecipe(c *call, _ *none) (none, error) {
	app, err := c.application()
	if err != nil {
		return none{}, err
	}
	name, err := c.ref("recipe")
	if err != nil {
		return none{}, err
	}
	ctx, prefix, found := c.r.Context(), recipeUIDs(name), 0
	for page := (fanfare.Page{Limit: fanfare.MaxPage}); ; {
		eps, err := c.hub.Endpoints(ctx, app.ID, page)
		if err != nil {
			return none{}, err
		}
		for _, ep := range eps {
			page.After = string(ep.ID)
			if !strings.HasPrefix(ep.UID, prefix) {
				continue
			}
			found++
			if err := c.hub.DeleteEndpoint(ctx, app.ID, ep.ID); err != nil && !errors.Is(err, fanfare.ErrNotFound) {
				return none{}, err
			}
		}
		if len(eps) < page.Limit {
			break
		}
	}
	for page := (fanfare.Page{Limit: fanfare.MaxPage}); ; {
		sources, err := c.hub.Sources(ctx, app.ID, page)
		if err != nil {
			return none{}, err
		}
		for _, src := range sources {
			page.After = string(src.ID)
			if !strings.HasPrefix(src.UID, prefix) {
				continue
			}
			found++
			if err := c.hub.DeleteSource(ctx, app.ID, src.ID); err != nil && !errors.Is(err, fanfare.ErrNotFound) {
				return none{}, err
			}
		}
		if len(sources) < page.Limit {
			break
		}
	}
	if found == 0 {
		return none{}, refuse(http.StatusNotFound, "not_found", "There is no recipe "+echo(name)+" "+c.within()+".")
	}
	return none{}, nil
}
