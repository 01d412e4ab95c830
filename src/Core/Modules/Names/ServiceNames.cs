using System.Security.Cryptography;
using System.Text;

namespace ModuleController.Core.Modules.Names;

/// <summary>The name of the Service that is generated for a module.</summary>
public static class ServiceNames
{
    private const int MaxLength = 63;

    /// <summary><c>orders</c>: <c>orders-service</c>. <c>My_Shop</c>: <c>my-shop-service-1a2b3c4d</c>, a hash wherever the
    /// name had to be changed, so that two modules never share one.</summary>
    public static string For(string moduleName)
    {
        var plain = moduleName + "-service";
        var name = string.Concat(plain.ToLowerInvariant().Select(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) ? c : '-'));
        if (!char.IsAsciiLetterLower(name[0])) name = "m-" + name;
        if (name == plain && name.Length <= MaxLength) return name;
        var hash = Hashes.Short(moduleName);
        return $"{name[..Math.Min(name.Length, MaxLength - hash.Length - 1)].TrimEnd('-')}-{hash}";
    }
}

/// <summary>Values for labels that name an object: names may be longer (253) than label values (63).</summary>
public static class LabelValues
{
    private const int MaxLength = 63;

    /// <summary>The name itself where it fits, else its beginning and a hash of all of it.</summary>
    public static string Of(string name)
    {
        if (name.Length <= MaxLength) return name;
        var hash = Hashes.Short(name);
        return $"{name[..(MaxLength - hash.Length - 1)].TrimEnd('-', '.', '_')}-{hash}";
    }
}

/// <summary>Short hashes for computed names: the same in every process.</summary>
public static class Hashes
{
    /// <summary>Eight hexadecimal digits.</summary>
    public static string Short(string text) => Of(text)[..8];

    public static string Of(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
