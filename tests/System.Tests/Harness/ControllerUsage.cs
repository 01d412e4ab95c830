using System.Collections.Concurrent;
using System.Reflection;
using ModuleController.Dev.ApiServer.Access;
using ModuleController.SystemTests.Harness;
using Xunit.v3;

[assembly: NotesRunClasses]

namespace ModuleController.SystemTests.Harness;

/// <summary>What the controllers of all tests in this process asked API servers for, each as "verb group/resource".</summary>
internal static class ControllerUsage
{
    private static readonly ConcurrentDictionary<string, bool> Used = new();
    private static readonly ConcurrentDictionary<string, bool> Classes = new();

    public static IReadOnlySet<string> All => Used.Keys.ToHashSet();

    /// <summary>The classes of which no test has run; none after a run of the whole suite.</summary>
    public static IReadOnlyList<string> NotRun => [.. TestClasses().Except(Classes.Keys)];

    public static string Name(string verb, string group, string resource) => $"{verb} {group}/{resource}";

    /// <summary>Adds what a user was allowed to do, and returns what it was not.</summary>
    public static string[] Add(string user, AccessLog log)
    {
        var (allowed, denied) = (new List<string>(), new List<string>());
        foreach (var access in log.Snapshot().Keys.Where(access => access.User == user))
            (access.IsAllowed ? allowed : denied).Add(Name(access.Verb, access.Group, access.Resource));
        Add(allowed);
        return [.. denied];
    }

    public static void Add(IEnumerable<string> names)
    {
        foreach (var name in names) Used[name] = true;
    }

    public static void Ran(string name) => Classes[name] = true;

    private static IEnumerable<string> TestClasses() => typeof(ControllerUsage).Assembly.GetTypes()
        .Where(type => !type.IsAbstract && type.GetMethods().Any(method => method.GetCustomAttributes<FactAttribute>().Any()))
        .Where(type => RealJvm.RealJvm.IsConfigured || type.Namespace != typeof(RealJvm.RealJvm).Namespace)
        .Select(type => type.FullName!);
}

/// <summary>Notes the class of each test that runs.</summary>
[AttributeUsage(AttributeTargets.Assembly)]
internal sealed class NotesRunClassesAttribute : BeforeAfterTestAttribute
{
    public override void Before(MethodInfo methodUnderTest, IXunitTest test) =>
        ControllerUsage.Ran(test.TestCase.TestMethod.TestClass.TestClassName);
}
