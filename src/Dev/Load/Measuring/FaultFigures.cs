namespace ModuleController.Dev.Load.Measuring;

/// <summary>Until the bases that do not hang were done, with and without others that do.</summary>
public sealed record HangFigures(IReadOnlyList<double> Without, IReadOnlyList<double> With)
{
    public double Ratio => With.Median() / Without.Median();
}

/// <param name="LostLeases">Ends of a controller that could not renew its Lease in time: on a machine that has too much to do.</param>
public sealed record KillFigures(int Moments, int Installs, int ModulesPerInstall, double Undisturbed, IReadOnlyList<double> AllAvailable, int LostLeases);
