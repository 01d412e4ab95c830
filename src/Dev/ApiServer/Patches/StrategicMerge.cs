namespace ModuleController.Dev.ApiServer.Patches;

/// <summary>
/// Strategic merge patch: a merge patch that merges the lists with a key (<see cref="ListKeys"/>) item by item. Knows
/// <c>$patch: replace|delete|merge</c>, <c>$deleteFromPrimitiveList</c>, <c>$setElementOrder</c> and <c>$retainKeys</c>.
/// </summary>
public static class StrategicMerge
{
    private const string Directive = "$patch";
    private const string DeletePrefix = "$deleteFromPrimitiveList/";
    private const string OrderPrefix = "$setElementOrder/";

    public static JsonObject Apply(JsonObject target, JsonObject patch, Schema schema)
    {
        var directive = patch.Text(Directive);
        if (directive is not (null or "merge" or "replace" or "delete"))
            throw Statuses.BadRequest($"unknown directive $patch: {directive}");
        if (directive == "delete") return [];
        if (directive == "replace")
        {
            var clean = patch.Copy();
            clean.Remove(Directive);
            return clean;
        }

        if (patch["$retainKeys"] is JsonArray)
        {
            var kept = patch.Texts("$retainKeys").ToHashSet();
            foreach (var (name, _) in target.ToArray())
                if (!kept.Contains(name)) target.Remove(name);
        }

        foreach (var (name, value) in patch)
        {
            if (!name.StartsWith('$'))
                Field(target, name, value,
                    schema.Properties.GetValueOrDefault(name) ?? schema.AdditionalProperties ?? new());
            else if (name.StartsWith(DeletePrefix, StringComparison.Ordinal))
                DeletePrimitives(target[name[DeletePrefix.Length..]], value);
        }

        foreach (var (name, order) in patch)
            if (name.StartsWith(OrderPrefix, StringComparison.Ordinal)
                && target[name[OrderPrefix.Length..]] is JsonArray items)
                Reorder(items, order as JsonArray ?? [],
                    schema.Properties.GetValueOrDefault(name[OrderPrefix.Length..]) ?? new());
        return target;
    }

    private static void Field(JsonObject target, string name, JsonNode? value, Schema schema)
    {
        switch (value)
        {
            case null:
                target.Remove(name);
                break;
            case JsonObject fields:
                if (fields.Text(Directive) == "delete") target.Remove(name);
                else if (target[name] is not JsonObject old) target[name] = Apply([], fields, schema);
                else if (Apply(old, fields, schema) is var merged && !ReferenceEquals(merged, old))
                    target[name] = merged;
                break;
            case JsonArray items when schema.ListType is "map" or "set":
                if (target[name] is not JsonArray list) target[name] = list = [];
                if (schema.ListType == "map") MergeByKey(list, items, schema);
                else AddMissing(list, items);
                break;
            default:
                target[name] = value.DeepClone();
                break;
        }
    }

    private static void MergeByKey(JsonArray target, JsonArray patch, Schema schema)
    {
        var key = schema.ListMapKeys[0];
        var items = schema.Items ?? new();
        if (patch.OfType<JsonObject>().Any(item => item.Text(Directive) == "replace" && item[key] is null))
            target.Clear();
        var before = target.Select(item => item.At(key)?.ToCompact()).ToList();
        foreach (var change in patch.OfType<JsonObject>())
        {
            if (change[key] is not { } id)
            {
                if (change.Text(Directive) is null)
                    throw Statuses.BadRequest($"map: {change.ToCompact()} does not contain declared merge key: {key}");
                continue;
            }

            var old = target.OfType<JsonObject>().FirstOrDefault(item => JsonNode.DeepEquals(item[key], id));
            if (change.Text(Directive) == "delete")
            {
                if (old is not null) target.Remove(old);
            }
            else if (old is null) target.Add(Apply([], change, items));
            else if (Apply(old, change, items) is var merged && !ReferenceEquals(merged, old))
                target[target.IndexOf(old)] = merged;
        }

        Interleave(target, [.. patch.Select(item => item.At(key)?.ToCompact())], before, item => item.At(key)?.ToCompact());
    }

    private static void AddMissing(JsonArray target, JsonArray patch)
    {
        var before = target.Select(item => item?.ToCompact()).ToList();
        foreach (var item in patch)
            if (!target.Any(have => JsonNode.DeepEquals(have, item))) target.Add(item?.DeepClone());
        Interleave(target, [.. patch.Select(item => item?.ToCompact())], before, item => item?.ToCompact());
    }

    /// <summary>
    /// Items of the patch in its order, each after the other items that preceded it. New items come first.
    /// </summary>
    private static void Interleave(JsonArray target, List<string?> patch, List<string?> before, Func<JsonNode?, string?> idOf)
    {
        var patched = new Queue<JsonNode?>(target.Where(item => patch.Contains(idOf(item))).OrderBy(item => patch.IndexOf(idOf(item))));
        var others = new Queue<JsonNode?>(target.Where(item => !patch.Contains(idOf(item))));
        target.Clear();
        while (patched.Count + others.Count > 0)
        {
            var isOther = patched.Count == 0
                || (others.Count > 0 && before.IndexOf(idOf(patched.Peek())) > before.IndexOf(idOf(others.Peek())));
            target.Add((isOther ? others : patched).Dequeue());
        }
    }

    private static void DeletePrimitives(JsonNode? target, JsonNode? removed)
    {
        if (target is not JsonArray list || removed is not JsonArray values) return;
        foreach (var item in list.ToArray())
            if (values.Any(value => JsonNode.DeepEquals(value, item))) list.Remove(item);
    }

    /// <summary>Sorts the named items in the client's order; other items stay after their neighbours.</summary>
    private static void Reorder(JsonArray target, JsonArray order, Schema schema)
    {
        JsonNode? Id(JsonNode? item) => schema.ListType == "map" ? item.At(schema.ListMapKeys[0]) : item;
        int Rank(JsonNode? item)
        {
            for (var i = 0; i < order.Count; i++)
                if (JsonNode.DeepEquals(Id(order[i]), Id(item))) return i;
            return -1;
        }

        var ranked = new List<(int Rank, JsonNode? Item)>();
        var last = -1;
        foreach (var item in target)
        {
            var rank = Rank(item);
            if (rank >= 0) last = rank;
            ranked.Add((rank >= 0 ? rank : last, item));
        }

        target.Clear();
        foreach (var (_, item) in ranked.OrderBy(entry => entry.Rank)) target.Add(item);
    }

}
