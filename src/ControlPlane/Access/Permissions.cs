using ModuleController.Core.Meta;
using ModuleController.Kube.Client;

namespace ModuleController.ControlPlane.Access;

/// <summary>What a caller wants to do with objects of a kind.</summary>
/// <param name="Namespace">Null: in all namespaces.</param>
/// <param name="Name">Null: with all of them.</param>
public sealed record Permission(string Verb, ResourceKind Kind, string? Namespace, string? Name = null)
{
    /// <summary>In kubectl's words: <c>list resource "modules" in API group "koupleless.io" in the namespace "shop"</c>.</summary>
    public override string ToString() =>
        $"{Verb} resource \"{Kind.Plural}\" in API group \"{Kind.Group}\" "
            + (Namespace is null ? "at the cluster scope" : $"in the namespace \"{Namespace}\"");
}

/// <summary>What callers may do, by the API server. An answer is used for a short time.</summary>
public sealed partial class Permissions(IKubeClient client, TimeProvider time, ILogger<Permissions> logger) : IDisposable
{
    public static readonly TimeSpan ValidFor = TimeSpan.FromSeconds(10);

    private const string FieldManager = "modulecontroller-control";
    private const int Capacity = 16 * 1024;

    private readonly ReviewLimit _limit = new(concurrent: 8, waiting: 256);
    private readonly ReviewCache<(string Caller, Permission Permission), bool> _known = new(ValidFor, Capacity, time);

    public async Task<ReviewOutcome> AskAsync(Caller caller, Permission permission, CancellationToken cancellation)
    {
        if (_known.TryGet((caller.Key, permission), out var isAllowed)) return isAllowed ? ReviewOutcome.Yes : ReviewOutcome.No;
        try
        {
            var review = await _limit.RunAsync(
                () => client.CreateAsync(new SubjectAccessReview { Spec = Spec(caller.User, permission) }, FieldManager, cancellation),
                cancellation);
            if (review is null) return ReviewOutcome.Busy;
            _known.Set((caller.Key, permission), review.Status.Allowed);
            return review.Status.Allowed ? ReviewOutcome.Yes : ReviewOutcome.No;
        }
        catch (KubeException exception)
        {
            LogNotReviewed(exception.Message);
            return ReviewOutcome.Unavailable;
        }
    }

    public void Dispose() => _limit.Dispose();

    private static SubjectAccessReviewSpec Spec(TokenUser user, Permission permission) => new()
    {
        User = user.Username,
        Uid = user.Uid,
        Groups = user.Groups,
        Extra = user.Extra,
        ResourceAttributes = new()
        {
            Namespace = permission.Namespace,
            Verb = permission.Verb,
            Group = permission.Kind.Group,
            Resource = permission.Kind.Plural,
            Name = permission.Name,
        },
    };

    [LoggerMessage(LogLevel.Warning, "The permissions of a caller could not be reviewed: {Why}")]
    private partial void LogNotReviewed(string why);
}
