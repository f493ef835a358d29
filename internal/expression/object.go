package expression

import (
	"reflect"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// An object is a JSON object: a map of CEL with the keys in the order of the text. Of
// a key that is there twice the last counts.
type object struct {
	text    []byte
	within  *reading
	members []member // nil: not read yet
	byName  map[string]int
	same    traits.Mapper // what plain returned; nil: not asked yet
	err     ref.Val       // nil: none
	few     [8]member     // where members begin
}

// A member stands in the text of its object: its name, with quotes, up to nameEnd, and
// its value.
type member struct {
	name, nameEnd, begin, end uint32
	value                     ref.Val // nil: not looked at yet
}

// name is that of a member, with its quotes.
func (o *object) name(m *member) []byte { return o.text[m.name:m.nameEnd] }

// manyMembers is how many are found faster by a map.
const manyMembers = 24

// read finds the members.
func (o *object) read() {
	if o.members != nil || o.err != nil {
		return
	}
	if !o.within.take(len(o.text)) {
		o.err = errTooLong
		return
	}
	text, i := o.text, space(o.text, 1)
	o.members = o.few[:0]
	for i < len(text) && text[i] != '}' {
		if !o.within.part() {
			o.err = errTooLong
			return
		}
		nameEnd := -1
		if text[i] == '"' {
			nameEnd = passString(text, i)
		}
		colon := space(text, max(nameEnd, 0))
		if nameEnd < 0 || colon >= len(text) || text[colon] != ':' {
			o.err = errNotJSON
			return
		}
		begin := space(text, colon+1)
		end := pass(text, begin)
		if end < 0 {
			o.err = errNotJSON
			return
		}
		o.members = append(o.members, member{name: uint32(i), nameEnd: uint32(nameEnd), begin: uint32(begin), end: uint32(end)})
		if i = space(text, end); i < len(text) && text[i] == ',' {
			i = space(text, i+1)
		}
	}
	if i != len(text)-1 {
		o.err = errNotJSON
		return
	}
	if len(o.members) < manyMembers {
		return
	}
	o.byName = make(map[string]int, len(o.members))
	for i := range o.members {
		if name, ok := unquote(o.name(&o.members[i])); ok {
			o.byName[name] = i
		}
	}
}

// find returns the member of that name; nil if there is none.
func (o *object) find(name string) *member {
	o.read()
	if o.byName != nil {
		if i, ok := o.byName[name]; ok {
			return &o.members[i]
		}
		return nil
	}
	for i := len(o.members) - 1; i >= 0; i-- {
		if m := &o.members[i]; is(o.name(m), name) {
			return m
		}
	}
	return nil
}

// is reports whether what stands in quotes is that name.
func is(quoted []byte, name string) bool {
	inner := quoted[1 : len(quoted)-1]
	if string(inner) == name {
		return true
	}
	if len(inner) <= len(name) {
		return false // escapes only make it longer
	}
	s, ok := unquote(quoted)
	return ok && s == name
}

func (o *object) get(m *member) ref.Val {
	if m.value == nil {
		m.value = value(o.text[m.begin:m.end], o.within)
	}
	return m.value
}

// Find is traits.Mapper's.
func (o *object) Find(key ref.Val) (ref.Val, bool) {
	name, ok := key.(types.String)
	if !ok {
		return nil, false
	}
	m := o.find(string(name))
	switch {
	case o.err != nil:
		return o.err, true
	case m == nil:
		return nil, false
	}
	return o.get(m), true
}

// Get is traits.Indexer's.
func (o *object) Get(key ref.Val) ref.Val {
	if v, ok := o.Find(key); ok {
		return v
	}
	return types.NewErr("no such key: %v", key)
}

// Contains is traits.Container's.
func (o *object) Contains(key ref.Val) ref.Val {
	_, ok := o.Find(key)
	if o.err != nil {
		return o.err
	}
	return types.Bool(ok)
}

// plain is the same as one of CEL's own maps, for what is seldom asked.
func (o *object) plain() traits.Mapper {
	if o.same != nil {
		return o.same
	}
	o.read()
	all := make(map[ref.Val]ref.Val, len(o.members))
	for i := range o.members {
		if name, ok := unquote(o.name(&o.members[i])); ok {
			all[types.String(name)] = o.get(&o.members[i])
		}
	}
	o.same = types.NewRefValMap(types.DefaultTypeAdapter, all)
	return o.same
}

// Size is traits.Sizer's.
func (o *object) Size() ref.Val {
	if o.read(); o.err != nil {
		return o.err
	}
	return o.plain().Size()
}

// Iterator is traits.Iterable's. The only key of what cannot be read is an error.
func (o *object) Iterator() traits.Iterator {
	if o.read(); o.err != nil {
		return types.NewRefValList(types.DefaultTypeAdapter, []ref.Val{o.err}).Iterator()
	}
	return o.plain().Iterator()
}

// Equal is ref.Val's.
func (o *object) Equal(other ref.Val) ref.Val {
	if o.read(); o.err != nil {
		return o.err
	}
	return o.plain().Equal(other)
}

// ConvertToNative is ref.Val's.
func (o *object) ConvertToNative(to reflect.Type) (any, error) { return o.plain().ConvertToNative(to) }

// ConvertToType is ref.Val's.
func (o *object) ConvertToType(to ref.Type) ref.Val {
	if to == types.MapType {
		return o
	}
	return o.plain().ConvertToType(to)
}

// Type is ref.Val's.
func (o *object) Type() ref.Type { return types.MapType }

// Value is ref.Val's.
func (o *object) Value() any { return o.plain().Value() }

// An array is a JSON array: a list of CEL.
type array struct {
	text   []byte
	within *reading
	list   traits.Lister // nil: not read yet
}

// plain is the same as one of CEL's own lists.
func (a *array) plain() traits.Lister {
	if a.list == nil {
		a.list = types.NewRefValList(types.DefaultTypeAdapter, a.read())
	}
	return a.list
}

// read finds the elements. One that cannot be is an error, and the last.
func (a *array) read() []ref.Val {
	if !a.within.take(len(a.text)) {
		return []ref.Val{errTooLong}
	}
	all := []ref.Val{}
	for i := space(a.text, 1); i < len(a.text) && a.text[i] != ']'; {
		if !a.within.part() {
			return append(all, errTooLong)
		}
		end := pass(a.text, i)
		if end < 0 {
			return append(all, errNotJSON)
		}
		all = append(all, value(a.text[i:end], a.within))
		if i = space(a.text, end); i < len(a.text) && a.text[i] == ',' {
			i = space(a.text, i+1)
		}
	}
	return all
}

// Add is traits.Adder's.
func (a *array) Add(other ref.Val) ref.Val { return a.plain().Add(other) }

// Contains is traits.Container's.
func (a *array) Contains(v ref.Val) ref.Val { return a.plain().Contains(v) }

// Get is traits.Indexer's.
func (a *array) Get(i ref.Val) ref.Val { return a.plain().Get(i) }

// Iterator is traits.Iterable's.
func (a *array) Iterator() traits.Iterator { return a.plain().Iterator() }

// Size is traits.Sizer's.
func (a *array) Size() ref.Val { return a.plain().Size() }

// Equal is ref.Val's.
func (a *array) Equal(other ref.Val) ref.Val { return a.plain().Equal(other) }

// ConvertToNative is ref.Val's.
func (a *array) ConvertToNative(to reflect.Type) (any, error) { return a.plain().ConvertToNative(to) }

// ConvertToType is ref.Val's.
func (a *array) ConvertToType(to ref.Type) ref.Val {
	if to == types.ListType {
		return a
	}
	return a.plain().ConvertToType(to)
}

// Type is ref.Val's.
func (a *array) Type() ref.Type { return types.ListType }

// Value is ref.Val's.
func (a *array) Value() any { return a.plain().Value() }
