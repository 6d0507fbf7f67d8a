package plan

// implicit lists the casts that are made without being asked for, besides those
// from Unknown.
var implicit = map[[2]Type]bool{
	{Bigint, Double}: true, {Date, Timestamp}: true, {Date, Timestamptz}: true, {Timestamp, Timestamptz}: true, {Time, Interval}: true,
}

// explicit lists the casts that are made with CAST only, besides those from and to
// Text and the implicit ones.
var explicit = map[[2]Type]bool{
	{Double, Bigint}: true, {Boolean, Bigint}: true, {Bigint, Boolean}: true,
	{Timestamptz, Timestamp}: true, {Timestamptz, Date}: true, {Timestamptz, Time}: true,
	{Timestamp, Date}: true, {Timestamp, Time}: true, {Interval, Time}: true,
}

// CanCastImplicitly reports whether a value of one type is taken where another is
// wanted.
func CanCastImplicitly(from, to Type) bool {
	return from == to || from == Unknown || implicit[[2]Type{from, to}]
}

// CanCastOnAssignment reports whether a value of one type is stored in a column of
// another: where it is cast implicitly, and between numbers, times and text.
func CanCastOnAssignment(from, to Type) bool {
	switch {
	case CanCastImplicitly(from, to), to == Text, from == Text && to == JSON:
		return true
	case from == Double && to == Bigint, from == Timestamptz && (to == Timestamp || to == Date), from == Timestamp && to == Date:
		return true
	}
	return false
}

// CanCast reports whether CAST converts from one type to another.
func CanCast(from, to Type) bool {
	return CanCastImplicitly(from, to) || from == Text || to == Text || explicit[[2]Type{from, to}]
}

// category says which types are alike: B(oolean), N(umber), S(tring), D(ate and
// time), T(ime span) and U(ser-defined), as in PostgreSQL's pg_type.typcategory.
func category(t Type) byte {
	switch t {
	case Boolean:
		return 'B'
	case Bigint, Double:
		return 'N'
	case Text:
		return 'S'
	case Timestamp, Timestamptz, Date, Time:
		return 'D'
	case Interval:
		return 'T'
	}
	return 'U'
}

// preferredType reports whether a type is the one preferred in its category.
func preferredType(t Type) bool {
	return t == Boolean || t == Double || t == Text || t == Timestamptz || t == Interval
}

// CommonType returns the type to which all types are cast implicitly, as for the
// branches of CASE and the inputs of UNION: Text where all are Unknown.
func CommonType(types []Type) (Type, bool) {
	common := Unknown
	for _, t := range types {
		switch {
		case t == Unknown || CanCastImplicitly(t, common) && common != Unknown:
		case CanCastImplicitly(common, t):
			common = t
		default:
			return Unknown, false
		}
	}
	if common == Unknown {
		common = Text
	}
	return common, true
}
