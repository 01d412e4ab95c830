using System.Collections.ObjectModel;
using ModuleController.Core.Meta;

namespace ModuleController.ControlPlane.Access;

/// <summary>The question to the API server whether a user may do something. Created, never stored.</summary>
public sealed record SubjectAccessReview : IResource
{
    public static ResourceKind Kind { get; } =
        new("authorization.k8s.io", "v1", "SubjectAccessReview", "subjectaccessreviews", IsNamespaced: false);

    public ObjectMeta Metadata { get; init => field = value ?? new(); } = new();

    public SubjectAccessReviewSpec Spec { get; init => field = value ?? new(); } = new();

    public SubjectAccessReviewStatus Status { get; init => field = value ?? new(); } = new();
}

/// <summary>The user, and one of the two kinds of attributes.</summary>
public sealed record SubjectAccessReviewSpec
{
    public string? User { get; init; }

    public string? Uid { get; init; }

    public IReadOnlyList<string> Groups { get; init => field = value ?? []; } = [];

    public IReadOnlyDictionary<string, IReadOnlyList<string>> Extra { get; init => field = value ?? None; } = None;

    public ResourceAttributes? ResourceAttributes { get; init; }

    public NonResourceAttributes? NonResourceAttributes { get; init; }

    private static ReadOnlyDictionary<string, IReadOnlyList<string>> None => ReadOnlyDictionary<string, IReadOnlyList<string>>.Empty;
}

public sealed record ResourceAttributes
{
    public string? Namespace { get; init; }

    public string? Verb { get; init; }

    public string? Group { get; init; }

    public string? Resource { get; init; }

    public string? Subresource { get; init; }

    public string? Name { get; init; }
}

public sealed record NonResourceAttributes(string Path, string Verb);

public sealed record SubjectAccessReviewStatus
{
    public bool Allowed { get; init; }

    public string? Reason { get; init; }

    public string? EvaluationError { get; init; }
}
