package agency

import (
	"context"
	"errors"
)

// The form of the agency's own, and the keys of what is in it.
const (
	BearAttackForm = "bea20000-0000-4000-8000-000000000001"

	KeyWhat    = "be01" // TextField
	KeySpecies = "be02" // ClassificationField
	KeyPlace   = "be03" // ChoiceField, of the choice list PlacesList
	KeyInjured = "be04" // YesNoField
	KeyPeople  = "be05" // TextField, a number
	KeyPhotos  = "be06" // PhotoField

	SpeciesSet = "bea20000-0000-4000-8000-000000000002"
	PlacesList = "bea20000-0000-4000-8000-000000000003"
)

// The statuses of a report of a bear attack. It begins with the first.
const (
	StatusReported = "reported"
	StatusUrgent   = "needs immediate attention"
	StatusAssigned = "assigned"
	StatusClosed   = "closed"
)

// Establish makes the agency's form and what belongs to it, as far as they are not there.
func (a *Agency) Establish(ctx context.Context) error {
	own := bearAttacks()
	if a.form != nil {
		own = []Resource{a.form}
	}
	for _, r := range own {
		err := a.Read(ctx, r.kind().withID(r.head().ID))
		if errors.Is(err, ErrNotFound) {
			err = a.Create(ctx, Cause{}, r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// bearAttacks are the form for them and what belongs to it.
func bearAttacks() []Resource {
	return []Resource{
		&ClassificationSet{Head: Head{ID: SpeciesSet}, Name: "Bears", Items: []Classification{
			{Label: "Black bear", Value: "Black bear", Children: []Classification{{Label: "Cinnamon", Value: "Cinnamon"}, {Label: "Kermode", Value: "Kermode"}}},
			{Label: "Brown bear", Value: "Brown bear", Children: []Classification{{Label: "Grizzly", Value: "Grizzly"}, {Label: "Kodiak", Value: "Kodiak"}}},
			{Label: "Polar bear", Value: "Polar bear"},
		}},
		&ChoiceList{Head: Head{ID: PlacesList}, Name: "Places", Choices: []Choice{
			{"Campground", "campground"}, {"Trail", "trail"}, {"Picnic area", "picnic area"}, {"Car park", "car park"}, {"Backcountry", "backcountry"},
		}},
		&Form{
			Head: Head{ID: BearAttackForm}, Name: "Bear attacks", Description: "What a bear did, to whom and where.",
			StatusField: &Statuses{[]Choice{
				{"Reported", StatusReported}, {"Needs immediate attention", StatusUrgent}, {"Assigned", StatusAssigned}, {"Closed", StatusClosed},
			}},
			Elements: []Element{
				{Type: TextField, Key: KeyWhat, Label: "What happened", DataName: "what", Required: true},
				{Type: ClassificationField, Key: KeySpecies, Label: "Bear", DataName: "bear", ClassificationSetID: SpeciesSet},
				{Type: ChoiceField, Key: KeyPlace, Label: "Where it was", DataName: "place", ChoiceListID: PlacesList, AllowOther: true},
				{Type: YesNoField, Key: KeyInjured, Label: "Was anybody injured?", DataName: "injured"},
				{Type: TextField, Key: KeyPeople, Label: "How many people were there", DataName: "people", Numeric: true},
				{Type: PhotoField, Key: KeyPhotos, Label: "Photo", DataName: "photos"},
			},
		},
	}
}

// withID is a resource to read.
func (k *kind) withID(id string) Resource {
	r := k.make()
	r.head().ID = id
	return r
}
