package sql

import (
	"reflect"
	"strings"
	"unicode"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// location returns the byte offset of the beginning of an expression as the parser
// tells it: for an operator that of the operator; -1 for none.
func location(n *pg.Node) int32 {
	if n == nil {
		return -1
	}
	switch v := n.GetNode().(type) {
	case *pg.Node_TypeCast:
		if arg := location(v.TypeCast.GetArg()); arg >= 0 {
			return arg
		}
		return v.TypeCast.GetLocation()
	case *pg.Node_CollateClause:
		return v.CollateClause.GetLocation()
	case *pg.Node_SelectStmt:
		return selectLocation(v.SelectStmt)
	case *pg.Node_AIndirection:
		return location(v.AIndirection.GetArg())
	case *pg.Node_List:
		if items := v.List.GetItems(); len(items) > 0 {
			return location(items[0])
		}
		return -1
	case *pg.Node_RangeSubselect:
		return location(v.RangeSubselect.GetSubquery())
	case *pg.Node_RangeFunction:
		return location(&pg.Node{Node: &pg.Node_List{List: &pg.List{Items: v.RangeFunction.GetFunctions()}}})
	case *pg.Node_JoinExpr:
		return location(v.JoinExpr.GetLarg())
	}
	// The others say it themselves, in a field Location.
	inner := reflect.ValueOf(n.GetNode())
	if inner.Kind() != reflect.Pointer || inner.IsNil() {
		return -1
	}
	message := inner.Elem().Field(0)
	if message.Kind() != reflect.Pointer || message.IsNil() {
		return -1
	}
	if field := message.Elem().FieldByName("Location"); field.IsValid() && field.CanInt() {
		return int32(field.Int())
	}
	return -1
}

// selectLocation returns where the first item of a query stands.
func selectLocation(s *pg.SelectStmt) int32 {
	switch {
	case s.GetLarg() != nil:
		return selectLocation(s.GetLarg())
	case s.GetWithClause() != nil:
		return s.GetWithClause().GetLocation()
	case len(s.GetTargetList()) > 0:
		return location(s.GetTargetList()[0])
	case len(s.GetValuesLists()) > 0:
		return location(s.GetValuesLists()[0])
	}
	return -1
}

// statementWords names a kind of statement or expression that is not supported, by
// the parser's name for it: CREATE TABLE of a CreateStmt.
func statementWords(n *pg.Node) string {
	name := strings.TrimPrefix(reflect.TypeOf(n.GetNode()).String(), "*pg_query.Node_")
	switch name = strings.TrimSuffix(name, "Stmt"); name {
	case "Create":
		return "CREATE TABLE"
	case "Copy":
		return "COPY"
	case "Prepare", "Execute", "Deallocate", "Drop", "Truncate", "Merge", "Do", "Vacuum", "Listen", "Notify", "Discard":
		return strings.ToUpper(name)
	}
	var b strings.Builder
	for i, r := range name {
		if i > 0 && unicode.IsUpper(r) {
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToUpper(r))
	}
	return b.String()
}

// names returns the strings of a list of names.
func names(list []*pg.Node) []string {
	all := make([]string, len(list))
	for i, n := range list {
		all[i] = n.GetString_().GetSval()
	}
	return all
}

// columnName returns the name that PostgreSQL gives to a column made by an
// expression (FigureColname).
func columnName(n *pg.Node) string {
	if name := figureName(n); name != "" {
		return name
	}
	return "?column?"
}

func figureName(n *pg.Node) string {
	switch v := n.GetNode().(type) {
	case *pg.Node_ColumnRef:
		fields := v.ColumnRef.GetFields()
		return fields[len(fields)-1].GetString_().GetSval()
	case *pg.Node_FuncCall:
		parts := names(v.FuncCall.GetFuncname())
		return parts[len(parts)-1]
	case *pg.Node_AExpr:
		if v.AExpr.GetKind() == pg.A_Expr_Kind_AEXPR_NULLIF {
			return "nullif"
		}
	case *pg.Node_TypeCast:
		if name := figureName(v.TypeCast.GetArg()); name != "" {
			return name
		}
		parts := names(v.TypeCast.GetTypeName().GetNames())
		return parts[len(parts)-1]
	case *pg.Node_CollateClause:
		return figureName(v.CollateClause.GetArg())
	case *pg.Node_CaseExpr:
		if name := figureName(v.CaseExpr.GetDefresult()); name != "" {
			return name
		}
		return "case"
	case *pg.Node_CoalesceExpr:
		return "coalesce"
	case *pg.Node_MinMaxExpr:
		if v.MinMaxExpr.GetOp() == pg.MinMaxOp_IS_LEAST {
			return "least"
		}
		return "greatest"
	case *pg.Node_SqlvalueFunction:
		op := strings.TrimPrefix(v.SqlvalueFunction.GetOp().String(), "SVFOP_")
		return strings.ToLower(strings.TrimSuffix(op, "_N"))
	case *pg.Node_SubLink:
		switch v.SubLink.GetSubLinkType() {
		case pg.SubLinkType_EXISTS_SUBLINK:
			return "exists"
		case pg.SubLinkType_EXPR_SUBLINK:
			if targets := v.SubLink.GetSubselect().GetSelectStmt().GetTargetList(); len(targets) > 0 {
				if name := targets[0].GetResTarget().GetName(); name != "" {
					return name
				}
				return figureName(targets[0].GetResTarget().GetVal())
			}
		}
	}
	return ""
}
